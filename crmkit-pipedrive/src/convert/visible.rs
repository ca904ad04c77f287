//! The visible text of HTML, so that what the server cleans or reformats still compares equal.

/// What a person reads, without tags and white space and with entities resolved.
///
/// Only for comparing a text with itself after the server cleaned it: it may drop tags and break lines elsewhere. Content of
/// `script` and `style` does not count.
pub(crate) fn visible_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        push(&mut text, &rest[..open]);
        let tag = &rest[open..];
        let named = tag[1..].starts_with(|char: char| char.is_ascii_alphabetic() || char == '/' || char == '!');
        if !named {
            text.push('<');
            rest = &tag[1..];
            continue;
        }
        rest = match hidden(tag) {
            Some(end) => &tag[end..],
            None => tag.find('>').map_or("", |end| &tag[end + 1..]),
        };
    }
    push(&mut text, rest);
    text.split_whitespace().collect()
}

/// Where an element that nobody sees ends, if this is one.
fn hidden(tag: &str) -> Option<usize> {
    let lower = tag.to_ascii_lowercase();
    if lower.starts_with("<!--") {
        return Some(lower.find("-->").map_or(tag.len(), |end| end + 3));
    }
    ["script", "style"].into_iter().find_map(|name| {
        let after = lower.strip_prefix('<')?.strip_prefix(name)?;
        let whole = after.starts_with(|char: char| !char.is_ascii_alphanumeric());
        let close = format!("</{name}");
        whole.then(|| match lower.find(&close) {
            Some(close) => lower[close..].find('>').map_or(tag.len(), |end| close + end + 1),
            None => tag.len(),
        })
    })
}

fn push(text: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        let entity = &rest[at + 1..];
        let end = entity.find(';').filter(|end| *end <= 10);
        match end.and_then(|end| Some((resolve(&entity[..end])?, end))) {
            Some((char, end)) => {
                text.push(char);
                rest = &entity[end + 1..];
            }
            None => {
                text.push('&');
                rest = entity;
            }
        }
    }
    text.push_str(rest);
}

fn resolve(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => match entity.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            digits => number(digits, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned_and_original_read_the_same() {
        let cases = [
            ("<p>Hello&nbsp;<b>you</b></p>", "Helloyou"),
            ("a &lt; b &amp;&#32;c &unknown; &", "a<b&c&unknown;&"),
            ("1 < 2", "1<2"),
            ("<script>alert(1)</script>x<!-- y -->", "x"),
            ("x<style>", "x"),
            ("a<span style=x>b</span>", "ab"),
            ("line<br>break\n\n next", "linebreaknext"),
        ];
        for (html, text) in cases {
            assert_eq!(visible_text(html), text, "{html}");
        }
    }
}
