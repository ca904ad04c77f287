//! Rich text in its two forms; each is made from the other.

use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::store::Store;

/// The blocks of a Markdown text. HTML tags are dropped, ids are new each time.
pub(super) fn blocks_of(markdown: &str, store: &mut Store) -> String {
    let mut blocks: Vec<Value> = Vec::new();
    let mut paragraph = String::new();
    let mut block = |kind: &str, props: Value, text: &str| {
        let content = match without_tags(text) {
            text if text.is_empty() => json!([]),
            text => json!([{ "type": "text", "text": text, "styles": {} }]),
        };
        blocks.push(json!({ "id": store.new_id(), "type": kind, "props": props, "content": content, "children": [] }));
    };
    for line in markdown.lines().chain([""]) {
        let trimmed = line.trim();
        let level = trimmed.bytes().take_while(|byte| *byte == b'#').count();
        let heading = (1..=6).contains(&level) && trimmed[level..].starts_with(' ');
        let item = trimmed.strip_prefix("- ").or_else(|| trimmed.strip_prefix("* "));
        if (trimmed.is_empty() || heading || item.is_some()) && !paragraph.is_empty() {
            block("paragraph", json!({}), &std::mem::take(&mut paragraph));
        }
        if heading {
            block("heading", json!({ "level": level }), trimmed[level..].trim());
        } else if let Some(item) = item {
            block("bulletListItem", json!({}), item);
        } else if !trimmed.is_empty() {
            if !paragraph.is_empty() {
                paragraph.push('\n');
            }
            paragraph.push_str(trimmed);
        }
    }
    Value::Array(blocks).to_string()
}

fn without_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tail) = rest.split_at(start);
        let is_tag = tail[1..].starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
        match tail.find('>') {
            Some(end) if is_tag => {
                kept.push_str(before);
                rest = &tail[end + 1..];
            }
            _ => {
                kept.push_str(before);
                kept.push('<');
                rest = &tail[1..];
            }
        }
    }
    kept + rest
}

/// The Markdown of blocks that were given as text.
pub(super) fn markdown_of(field: &str, blocknote: &str) -> Result<String, Failure> {
    let refuse = |why: &str| Failure::bad(format!("Invalid blocknote value for field \"{field}.blocknote\" - {why}"));
    let blocks: Value = serde_json::from_str(blocknote).map_err(|_| refuse("must contain valid JSON"))?;
    let blocks = blocks.as_array().ok_or_else(|| refuse("must be a JSON array of blocks"))?;
    if unsafe_link(&Value::Array(blocks.clone())) {
        return Err(refuse("contains an unsafe URL"));
    }
    let line = |block: &Value| {
        let content = block["content"].as_array().into_iter().flatten();
        let text: String = content.filter_map(|part| part["text"].as_str()).collect();
        match block["type"].as_str() {
            Some("heading") => {
                let level = block["props"]["level"].as_u64().unwrap_or(1).clamp(1, 6);
                format!("{} {text}", "#".repeat(usize::try_from(level).unwrap_or(1)))
            }
            Some("bulletListItem") => format!("- {text}"),
            _ => text,
        }
    };
    Ok(blocks.iter().map(line).collect::<Vec<_>>().join("\n\n"))
}

fn unsafe_link(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(unsafe_link),
        Value::Object(map) => map.iter().any(|(key, value)| {
            let scheme = value.as_str().map(|text| text.trim_start().to_ascii_lowercase()).unwrap_or_default();
            let dangerous = ["javascript:", "vbscript:", "data:"].iter().any(|bad| scheme.starts_with(bad));
            (matches!(key.as_str(), "href" | "url") && dangerous) || unsafe_link(value)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_blocks_and_back() {
        let mut store = Store::new("test");
        let blocks = blocks_of("# Hi\n\n- a\n- b\n\nplain <b>bold</b> 1 < 2", &mut store);
        assert_eq!(markdown_of("bodyV2", &blocks).unwrap(), "# Hi\n\n- a\n\n- b\n\nplain bold 1 < 2");
        assert!(markdown_of("bodyV2", "{").unwrap_err().message.ends_with("must contain valid JSON"));
        assert!(markdown_of("bodyV2", "{}").unwrap_err().message.ends_with("must be a JSON array of blocks"));
        assert!(markdown_of("bodyV2", r#"[{"content":[{"href":"JavaScript:x"}]}]"#).is_err());
    }
}
