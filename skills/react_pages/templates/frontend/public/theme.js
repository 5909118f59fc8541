// Before the first paint, so that the page does not flash in the other theme. See src/components/ThemeToggle.tsx.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the system decides.
}
