// The question for what opens something that is sealed with age: a model, or a
// key file.

const $ = (id) => document.getElementById(id);

let asked = Promise.resolve(); // there is one dialog, so one question follows the other

// unseal asks for a passphrase or an identity, until open, which gets it as
// {passphrase} or {identity}, succeeds with one. It gives what open does, or null
// when the user gives up. Errors of open but "wrong-key" are not asked about again.
export function unseal(title, what, open) {
  const answer = asked.then(() => ask(title, what, open));
  asked = answer.catch(() => {});
  return answer;
}

async function ask(title, what, open) {
  const dialog = $("sealed");
  $("sealed-title").textContent = title;
  $("sealed-what").textContent = what;
  for (let failed = false; ; failed = true) {
    $("sealed-wrong").hidden = !failed;
    $("sealed-secret").value = "";
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const given = $("sealed-secret").value;
    $("sealed-secret").value = "";
    if (dialog.returnValue !== "open") return null;
    try {
      return await open(/^\s*AGE-SECRET-KEY-/i.test(given) ? { identity: given.trim() } : { passphrase: given });
    } catch (error) {
      if (error.code !== "wrong-key") throw error;
    }
  }
}
