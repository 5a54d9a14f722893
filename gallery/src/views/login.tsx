import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { problemFrom } from "../api/client";
import { begin } from "../state/session";

const told = signal("");
const isBusy = signal(false);

export function Login() {
  const input = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (!token) {
      told.value = "Enter a token first.";
      input.current?.focus();
      return;
    }
    isBusy.value = true;
    try {
      await begin(token);
      told.value = "";
    } catch (error) {
      told.value = problemFrom(error).message;
      input.current?.select();
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <main class="login" id="main" tabIndex={-1}>
      <form onSubmit={submit}>
        <h1>These pictures are private</h1>
        <p>Show a token of this service to see them. It is kept in a cookie that scripts cannot read.</p>
        <label>
          <span>Token</span>
          <input
            ref={input}
            type="password"
            autocomplete="current-password"
            autofocus
            aria-invalid={told.value !== ""}
            aria-describedby="login-told"
          />
        </label>
        <p id="login-told" class="field-problem" role="alert">
          {told.value}
        </p>
        <button class="button accent" disabled={isBusy.value}>
          {isBusy.value ? "Looking" : "Log in"}
        </button>
        <p class="hint">
          Whoever runs the service makes one with <code>image-service make-token</code>.
        </p>
      </form>
    </main>
  );
}
