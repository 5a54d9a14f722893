// One question at a time, for what cannot be undone.
import { signal } from "@preact/signals";
import { Dialog } from "./dialog";

interface Question {
  title: string;
  text: string;
  action: string;
  answer: (isMeant: boolean) => void;
}

const question = signal<Question | null>(null);

export function confirmed(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (isMeant: boolean) => {
      question.value = null;
      resolve(isMeant);
    };
    question.value = { title, text, action, answer };
  });
}

export function Confirm() {
  const asked = question.value;
  if (!asked) return null;
  return (
    <Dialog label={asked.title} class="confirm" onClose={() => asked.answer(false)}>
      <h2>{asked.title}</h2>
      <p>{asked.text}</p>
      <div class="actions">
        <button class="button" autofocus onClick={() => asked.answer(false)}>
          Cancel
        </button>
        <button class="button danger" onClick={() => asked.answer(true)}>
          {asked.action}
        </button>
      </div>
    </Dialog>
  );
}
