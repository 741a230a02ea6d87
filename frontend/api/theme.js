// The theme of Studio's other pages, as Swagger UI knows it: chosen there, else the system's.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  const { theme } = document.documentElement.dataset;
  document.documentElement.classList.toggle("dark-mode", theme ? theme === "dark" : dark.matches);
};
dark.addEventListener("change", follow);
follow();
