/// The page that people see at `/`: one document with all that it needs, so that it loads nothing from elsewhere and
/// its Content-Security-Policy can name what it runs by hash.
///
/// It is for the operator's token, which it keeps in a variable alone, and reads the API as any client does. No text
/// that comes from the cluster ever becomes markup: the script makes elements, and sets their text.
enum Page {
    /// The document, in UTF-8 below 100 kB. The policy's hashes are those of `style` and of `script`, byte by byte.
    static let document = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <title>cluster-agent</title>
        <link rel="icon" href="data:,">
        <style>\#(style)</style>
        </head>
        <body>
        \#(markup)
        <script>\#(script)</script>
        </body>
        </html>

        """#

    /// What the document runs: the parts, each of which uses what those above it define. In a block, so that none of it
    /// is a property of the window.
    static let script = #"""
        "use strict";
        {
        \#(textScript)
        \#(pictureScript)
        \#(tableScript)
        \#(windowScript)
        \#(verdictScript)
        \#(listsScript)
        \#(nodesScript)
        \#(searchScript)
        \#(stripScript)
        \#(detailScript)
        \#(connectionScript)
        \#(startScript)
        }
        """#
}
