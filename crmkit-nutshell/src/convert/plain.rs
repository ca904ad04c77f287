//! Notes are plain text over there and formatted text for us: what is seen, and its lines, stay.

use crmkit_core::{Markup, RichText, visible_text};

/// What ends a line.
const ENDS: [&str; 12] = [
    "<br>",
    "<br/>",
    "<br />",
    "</p>",
    "</div>",
    "</li>",
    "</tr>",
    "</h1>",
    "</h2>",
    "</h3>",
    "</blockquote>",
    "</pre>",
];

/// A formatted text as plain text. Markdown is read as it is written.
pub(crate) fn text(rich: &RichText) -> String {
    match rich.markup {
        Markup::Html => plain(&rich.text),
        _ => rich.text.trim().to_owned(),
    }
}

/// The text that a reader sees, line by line.
fn plain(html: &str) -> String {
    let mut marked = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(char) = rest.chars().next() {
        let end = |tag: &&&str| rest.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
        let length = match ENDS.iter().find(end) {
            Some(tag) => {
                marked.push('\n');
                tag.len()
            }
            // A line break of the markup is no line break of the text.
            None => {
                marked.push(if char == '\n' { ' ' } else { char });
                char.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    let lines: Vec<_> = marked.split('\n').map(visible_text).collect();
    lines.join("\n").trim().to_owned()
}

/// Plain text as HTML that shows the same.
pub(crate) fn shown(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays() {
        let cases = [
            ("<p>Hello <b>you</b></p><p>and more</p>", "Hello you\nand more"),
            ("one<BR>two<br />three", "one\ntwo\nthree"),
            ("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
            ("wrapped\nline", "wrapped line"),
            ("Möte 会議", "Möte 会議"),
        ];
        for (html, text) in cases {
            assert_eq!(plain(html), text, "{html}");
            assert_eq!(plain(&shown(text)), text, "{text}");
        }
    }
}
