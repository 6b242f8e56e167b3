/** Whether the server answers and knows us; `App.svelte` tells it. */
let last = $state<Date | null>(null);
let gone = $state(false);
let known = $state<boolean | null>(null);
let round = $state(0);

export const connection = {
  /** When the server answered last. */
  get last() {
    return last;
  },
  get gone() {
    return gone;
  },
  /** Whether the server knows us; null = not asked yet. */
  get known() {
    return known;
  },
  /** Grows with each login, so that what was refused is asked again. */
  get round() {
    return round;
  },
};

export function answered(): void {
  last = new Date();
  gone = false;
  known ??= true;
}

export function failed(): void {
  gone = true;
}

export function loggedOut(): void {
  known = false;
}

export function loggedIn(): void {
  known = true;
  round += 1;
}
