// Told while the service does not answer; the page goes on by itself when it does again.
import { isReached, returns } from "../state/connection";
import { session } from "../state/session";
import { CircleAlert } from "../ui/icons";

export function Away() {
  const isAway = !isReached.value && session.value !== null;
  return (
    <div class={isAway ? "away is-shown" : "away"} role="status">
      {isAway && (
        <>
          <CircleAlert size={17} aria-hidden="true" />
          <span>The service does not answer. This page goes on by itself when it is back.</span>
        </>
      )}
      {!isAway && returns.value > 0 && <span class="sr-only">The service is back.</span>}
    </div>
  );
}
