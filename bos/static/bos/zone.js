// Says in a cookie in which time zone the browser is: the admin shows and takes times in it, from the next page on.

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `bos_zone=${zone}; Path=/admin/; Max-Age=31536000; SameSite=Lax${secure}`;
})();
