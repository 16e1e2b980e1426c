// The reader's language and theme: kept in cookies, by which the server renders every page.

const YEAR_S = 365 * 24 * 3600;

function keep(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `callscribe-${name}=${value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
}

document.getElementById("choose-language").addEventListener("change", (event) => {
  keep("language", event.target.value);
  location.reload();
});

document.getElementById("choose-theme").addEventListener("change", (event) => {
  keep("theme", event.target.value);
  document.documentElement.dataset.theme = event.target.value;
});
