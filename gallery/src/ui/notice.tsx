// What stands where pictures would be: nothing there, something wrong, and what to do about it.
import type { ComponentChildren } from "preact";

interface NoticeProps {
  icon: ComponentChildren;
  title: string;
  children?: ComponentChildren;
  isProblem?: boolean;
}

export function Notice({ icon, title, children, isProblem }: NoticeProps) {
  return (
    <section class="notice" role={isProblem ? "alert" : undefined}>
      <span class="notice-icon" aria-hidden="true">
        {icon}
      </span>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
