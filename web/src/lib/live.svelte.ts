import { ApiError, ask, type Parameters } from "./api";
import { connection } from "./connection.svelte";
import { language } from "./language.svelte";

/** What a route answers, asked again and again; what is shown stays until there is something newer, so that nothing flickers. */
export class Live<T> {
  data = $state.raw<T | null>(null);
  error = $state<ApiError | null>(null);
  loading = $state(true);

  /**
   * Call it while a component is made.
   *
   * @param what gives path and parameters, or null where nothing is wanted; asked again when anything it reads changes.
   * @param seconds between two questions; 0 = once.
   */
  constructor(what: () => [string, Parameters?] | null, seconds = 30) {
    let shown = "";
    $effect(() => {
      const wanted = what();
      // Texts of the server follow the language; a login lets in what was refused.
      const context = [language(), connection.round];
      if (!wanted || connection.known === false) return;
      const [path, parameters] = wanted;
      const name = JSON.stringify([path, parameters, context]);
      if (name !== shown) this.loading = true;
      const abort = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const next = async () => {
        try {
          this.data = await ask<T>(path, parameters, abort.signal);
          this.error = null;
          shown = name;
        } catch (error) {
          if (abort.signal.aborted) return;
          if (!(error instanceof ApiError)) throw error;
          if (error.status === 0 && this.data) return;
          if (name !== shown) this.data = null;
          this.error = error;
        } finally {
          if (!abort.signal.aborted) {
            this.loading = false;
            if (seconds) timer = setTimeout(again, seconds * 1000);
          }
        }
      };
      const again = () => {
        if (document.hidden) document.addEventListener("visibilitychange", () => void again(), { once: true, signal: abort.signal });
        else void next();
      };
      void next();
      return () => {
        abort.abort();
        clearTimeout(timer);
      };
    });
  }
}
