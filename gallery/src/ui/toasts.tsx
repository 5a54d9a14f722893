import { dismiss, toasts } from "../state/toasts";
import { X } from "./icons";

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast is-${toast.kind}`}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              class="link"
              onClick={() => {
                dismiss(toast.id);
                toast.action!.run();
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button class="icon-button small" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
            <X size={16} aria-hidden="true" />
          </button>
        </div>
      ))}
    </div>
  );
}
