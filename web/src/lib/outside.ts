/**
 * Follow a link to a page of Airflow. Where we stand in a frame of its page, the frame may not leave it; a link made there may.
 * For `onclick` of a link.
 */
export function outside(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  const page = window.top?.document;
  if (!page || page === document) return;
  event.preventDefault();
  const made = page.createElement("a");
  made.href = event.currentTarget.href;
  page.body.append(made);
  made.click();
  made.remove();
}
