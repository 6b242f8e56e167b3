// Before anything is drawn: theme and language as they were chosen last, so that nothing flickers.
(function () {
  var root = document.documentElement;
  try {
    root.dataset.theme = localStorage.getItem("kmaflow.theme") || "";
    root.lang = localStorage.getItem("kmaflow.language") || "";
  } catch (error) {
    root.dataset.theme = "";
  }
  root.lang = root.lang || (/^ko\b/.test(navigator.language) ? "ko" : "en");
})();
