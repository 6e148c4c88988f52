extension Page {
    /// What is wired at the start: the forms, the keys, the clock.
    static let startScript = #"""
        byId("signin-form").addEventListener("submit", (event) => {
          event.preventDefault();
          const token = byId("token").value.trim();
          // What no header may hold is no token of a server's.
          if (!/^[\x21-\x7e]+$/.test(token)) {
            sayError(token ? "This is no token: a token has neither spaces nor letters beyond ASCII."
              : "Type the token.");
            byId("token").focus();
            return;
          }
          signIn(token);
        });
        byId("signout").addEventListener("click", () => {
          forgetAll();
          history.replaceState(null, "", location.pathname);
          showSignIn();
          sayError("");
          byId("token").focus();
        });
        byId("detail-close").addEventListener("click", closeDetail);
        dialog.addEventListener("cancel", (event) => {
          event.preventDefault();
          closeDetail();
        });
        // Not every way to close a dialog asks first.
        dialog.addEventListener("close", () => { if (detail.id !== null) closeDetail(); });
        dialog.addEventListener("click", (event) => { if (event.target === dialog) closeDetail(); });
        addEventListener("popstate", route);
        addEventListener("keydown", (event) => {
          if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || dialog.open || !picture) return;
          if (event.target.closest?.("input, select, textarea")) return;
          event.preventDefault();
          byId("search").focus();
          byId("search").select();
        });
        // Links within the page leave its address alone: Back is for the detail, and would take focus and scroll
        // position along.
        document.addEventListener("click", (event) => {
          const link = event.target.closest?.("a[href^='#']");
          if (!link) return;
          event.preventDefault();
          const target = byId(link.getAttribute("href").slice(1));
          target.scrollIntoView();
          target.tabIndex = -1;
          target.focus({ preventScroll: true });
        });
        history.scrollRestoration = "manual";
        // A token that a frozen page would keep in the browser's cache of pages is forgotten with it.
        addEventListener("pagehide", forgetAll);
        addEventListener("pageshow", (event) => { if (event.persisted) showSignIn(); });
        setInterval(() => {
          if (!picture) return;
          tickAll();
          renderBanners();
        }, 1000);
        showSignIn();
        byId("token").focus();
        """#
}
