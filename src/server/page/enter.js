// Carries the code behind the # of the address, which no server sees, into the form.
"use strict";
const code = document.getElementById("code");
const given = window.location.hash.slice(1);
if (code && given) {
  code.value = given;
  window.history.replaceState(null, "", window.location.pathname);
  code.form.requestSubmit();
}
