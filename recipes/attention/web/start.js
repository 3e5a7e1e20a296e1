// Starts the page, which holds what it shows.

async function start() {
  const element = (id) => document.getElementById(id);
  data = await readData(JSON.parse(element("data").textContent));
  element("subject").textContent = data.subject;
  listen();
  show(element("answer"));
  document.documentElement.dataset.ready = "yes";
}

start();
