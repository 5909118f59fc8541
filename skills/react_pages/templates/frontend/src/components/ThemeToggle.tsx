import { useState } from "react";

import { MoonIcon, SunIcon } from "./icons";

type Theme = "light" | "dark";

/** The theme in force: the one chosen here before (`public/theme.js` restores it), else the system's. */
function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function choose(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is off: the choice lasts until the page is left.
  }
}

export function ThemeToggle() {
  const [theme, setTheme] = useState(currentTheme);
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      className="grid size-10 place-items-center rounded-full text-lg text-muted transition-colors hover:bg-hover hover:text-ink"
      onClick={() => {
        choose(other);
        setTheme(other);
      }}
    >
      {theme === "dark" ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}
