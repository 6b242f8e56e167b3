// Before anything is drawn: theme and language as they were chosen last, else the browser's, so that nothing flickers.
(function () {
  var root = document.documentElement;
  var theme = "";
  try {
    theme = localStorage.getItem("kmaflow.theme") || "";
    root.lang = localStorage.getItem("kmaflow.language") || "";
  } catch (error) {
    root.lang = "";
  }
  root.dataset.theme = theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.lang = root.lang || (/^ko\b/.test(navigator.language) ? "ko" : "en");
})();
