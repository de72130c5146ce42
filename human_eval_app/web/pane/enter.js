// The buttons of the pages without Streamlit: begin with an invite link, log in and out as an administrator.

const said = document.getElementById("said");

async function send(body) {
  const reply = await fetch(location.pathname, {
    method: "POST",
    credentials: "same-origin",
    redirect: "manual",
    headers: { "Content-Type": "application/json", "X-Drawbench": "1" },
    body: JSON.stringify(body),
  });
  if (reply.type === "opaqueredirect" || reply.ok) return "";
  const refusal = await reply.json().catch(() => ({}));
  return refusal.message || "This did not work. Reload the page and try again.";
}

function act(button, body, target) {
  return async (event) => {
    event?.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    said.textContent = "";
    let message = "";
    try {
      message = await send(body());
    } catch {
      message = "No connection. Check your network and try again.";
    }
    if (!message) return location.replace(target); // the token leaves the address bar and the history
    said.textContent = message;
    button.disabled = false;
  };
}

const begin = document.getElementById("begin");
if (begin) {
  const query = new URLSearchParams(location.search);
  const external = query.get("PROLIFIC_PID") || query.get("participant") || "";
  const who = external ? { external_id: external } : {};
  begin.addEventListener("click", act(begin, () => who, "/"));
  begin.focus();
  const anew = document.getElementById("anew");
  anew?.addEventListener("click", act(anew, () => ({ ...who, anew: true }), "/"));
}

const login = document.getElementById("login");
if (login) {
  const button = login.querySelector("button");
  login.addEventListener("submit", act(button, () => ({ token: new FormData(login).get("token").trim() }), "/admin"));
}

const logout = document.getElementById("logout");
if (logout) logout.addEventListener("click", act(logout, () => ({}), "/admin/login"));
