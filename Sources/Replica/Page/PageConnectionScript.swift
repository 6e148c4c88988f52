extension Page {
    /// The connection: the token, which is in a variable alone, and the long poll.
    static let connectionScript = #"""
        let session = null;
        const connection = {
          lastWord: 0, failures: 0, said: "",
          // A long poll is answered after 10 s at the latest.
          isLost() { return this.failures > 1 || Date.now() - this.lastWord > 12000; },
        };

        // One call: its status and its text. Throws when there is no answer in time.
        async function call(mine, path, limit) {
          const stop = new AbortController();
          mine.calls.add(stop);
          const timer = setTimeout(() => stop.abort(), limit);
          try {
            const response = await fetch(path, {
              headers: { Authorization: `Bearer ${mine.token}`, Accept: "application/json" }, signal: stop.signal,
              cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
            });
            return { status: response.status, text: response.status === 304 ? "" : await response.text() };
          } finally {
            clearTimeout(timer);
            mine.calls.delete(stop);
          }
        }
        function messageIn(answer) {
          let said = answer.text;
          try {
            said = JSON.parse(answer.text).message ?? said;
          } catch {
            // Plain text.
          }
          return asText(said).trim() || `status ${answer.status}`;
        }
        const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
        // A pause that ends at once when the browser is online again, or the page is looked at.
        let wake = () => {};
        const backOff = (milliseconds) => Promise.race([pause(milliseconds), new Promise((done) => { wake = done; })]);
        addEventListener("online", () => wake());
        document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });

        const overviewPath = (version) => "/api/v1/clusterchecks/overview"
          + (version === null ? "" : `?after=${encodeURIComponent(wellFormed(version))}&wait=10`);

        // The server answered, but with no picture; the message says what instead.
        class NoPicture extends Error {}

        // Parses, orders and shows in three tasks, so that none takes long.
        async function accept(mine, text) {
          let read;
          try {
            const json = JSON.parse(text);
            await pause(0);
            read = readPicture(json);
          } catch {
            throw new NoPicture("(this page cannot read its answer)");
          }
          await pause(0);
          if (session !== mine) return;
          picture = read;
          arrived = confirmed = connection.lastWord = Date.now();
          renderAll();
        }
        function renderAll() {
          renderVerdict();
          renderFacts();
          renderBanners();
          renderFailing();
          renderProblems();
          renderHistory();
          renderNodes();
          renderChecks();
          refreshDetail();
        }

        async function follow(mine) {
          let delay = 1000;
          while (session === mine) {
            const start = performance.now();
            try {
              const answer = await call(mine, overviewPath(picture.version), 20000);
              if (session !== mine) return;
              if (answer.status === 401 || answer.status === 403) return refuse();
              if (answer.status === 304) confirmed = connection.lastWord = Date.now();
              else if (answer.status === 200) await accept(mine, answer.text);
              else throw new NoPicture(messageIn(answer));
              connection.failures = 0;
              delay = 1000;
              renderBanners();
              // However often the picture changes, one a second is enough, and of a large one every other second.
              const least = answer.text.length > 500000 ? 2000 : 1000;
              await pause(Math.max(100, least - (performance.now() - start)));
            } catch (error) {
              if (session !== mine) return;
              connection.said = error instanceof NoPicture ? error.message : "";
              connection.failures += 1;
              renderBanners();
              await backOff(delay);
              delay = Math.min(delay * 2, 10000);
            }
          }
        }

        // Tries a token until the server says yes or no.
        async function signIn(token) {
          const mine = { token, calls: new Set() };
          session = mine;
          sayError("");
          byId("signin-button").disabled = true;
          let delay = 1000;
          while (session === mine) {
            try {
              const answer = await call(mine, overviewPath(null), 30000);
              if (session !== mine) return;
              if (answer.status === 401 || answer.status === 403) return refuse("The server refuses this token.");
              if (answer.status === 200) {
                connection.failures = 0;
                connection.said = "";
                showApp();
                await accept(mine, answer.text);
                route();
                return follow(mine);
              }
              sayError("The server has no picture yet; trying again. It says: ", messageIn(answer));
            } catch {
              if (session !== mine) return;
              showSignIn();
              sayError("No usable answer from the server. Trying again.");
            }
            await backOff(delay);
            delay = Math.min(delay * 2, 10000);
          }
        }

        function sayError(text, reason = "") {
          byId("token-error").replaceChildren(...(text ? [text] : []), ...(reason ? [isolated(reason)] : []));
          byId("token").setAttribute("aria-invalid", String(text !== ""));
        }
        // The token is refused: nothing is kept, not even the address of the detail.
        function refuse(reason = "The server refuses the token that it took before. Sign in again.") {
          const hadPicture = picture !== null;
          forgetAll();
          if (hadPicture) history.replaceState(null, "", location.pathname);
          showSignIn();
          sayError(reason);
          byId("token").focus();
        }
        function forgetAll() {
          for (const stop of session?.calls ?? []) stop.abort();
          session = null;
          picture = null;
          Object.assign(connection, { lastWord: 0, failures: 0, said: "" });
          forgetDetail();
          clearVerdict();
          sayConnection(null);
          sayLastKnown(null);
          for (const table of [failingTable, problemsTable, historyTable, nodesTable]) table.clear();
          checksTable.update([], "");
          for (const id of ["search", "token", "history-kind", "state"]) byId(id).value = "";
        }
        function showApp() {
          byId("token").value = "";
          byId("signin").hidden = true;
          byId("app").hidden = false;
          byId("content").focus({ preventScroll: true });
        }
        function showSignIn() {
          byId("app").hidden = true;
          byId("signin").hidden = false;
          byId("signin-button").disabled = false;
        }
        """#
}
