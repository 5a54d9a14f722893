// What could not be done to some of the selected pictures, each with its reason.
import { failures } from "../state/bulk";
import { plural } from "../text";
import { Dialog } from "../ui/dialog";

export function Failures() {
  const now = failures.value;
  if (!now) return null;
  const close = () => {
    failures.value = null;
  };
  return (
    <Dialog label="What failed" class="failures" onClose={close}>
      <h2 role="alert">
        {plural(now.failed.length, "picture")} {now.told}
      </h2>
      <ul tabIndex={0} aria-label="Pictures that failed">
        {now.failed.map(({ image, problem }) => (
          <li key={image.imageId}>
            <strong>{image.filename}</strong>
            <span>{problem.message}</span>
          </li>
        ))}
      </ul>
      <p class="quiet">They are still selected.</p>
      <div class="actions">
        <button class="button" onClick={close}>
          Close
        </button>
        <button
          class="button accent"
          autofocus
          onClick={() => {
            close();
            now.again();
          }}
        >
          Try again
        </button>
      </div>
    </Dialog>
  );
}
