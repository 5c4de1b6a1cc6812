// Carries what stands behind the # of the address, which no server sees, into the form.
"use strict";
const code = document.getElementById("code");
const given = window.location.hash.slice(1);
if (code && given) {
  code.value = given;
  window.history.replaceState(null, "", window.location.pathname);
  // A link is used up by its button alone.
  if (!code.form.dataset.keep) {
    code.form.requestSubmit();
  }
}
