//! Which line of a TOML or JSON text says what: so that a finding about a plan names the line.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use toml::de::{DeTable, DeValue};

use crate::{Problem, Severity};

/// From JSON pointers to lines of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(BTreeMap<String, u64>);

impl Spans {
    /// The line of a pointer, or of the nearest thing around it.
    pub(crate) fn line(&self, pointer: &str) -> Option<u64> {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.0.get(pointer) {
                return Some(*line);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// A pointer one step deeper.
pub(crate) fn deeper(pointer: &str, step: impl std::fmt::Display) -> String {
    let step = step.to_string();
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// A text as JSON, with the lines of its parts. JSON where it begins with a brace, otherwise TOML.
pub(crate) fn read(text: &str, file: &str) -> Result<(Json, Spans), Vec<Problem>> {
    if text.trim_start().starts_with('{') { read_json(text, file) } else { read_toml(text, file) }
}

pub(crate) fn read_toml(text: &str, file: &str) -> Result<(Json, Spans), Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    if !errors.is_empty() {
        return Err(errors
            .iter()
            .map(|error| syntax(error.message()).in_file(file, error.span().map(|span| lines.at(span.start))))
            .collect());
    }
    let mut reading = Reading { lines, spans: Spans::default(), problems: Vec::new(), file };
    let json = reading.table(table.get_ref(), "");
    if reading.problems.is_empty() { Ok((json, reading.spans)) } else { Err(reading.problems) }
}

pub(crate) fn read_json(text: &str, file: &str) -> Result<(Json, Spans), Vec<Problem>> {
    let json: Json = serde_json::from_str(text).map_err(|error| {
        let line = error.line() as u64;
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        vec![syntax(message).in_file(file, Some(line))]
    })?;
    let mut scan = Scan { text, at: 0, line: 1, spans: Spans::default(), problems: Vec::new(), file };
    scan.value("");
    if scan.problems.is_empty() { Ok((json, scan.spans)) } else { Err(scan.problems) }
}

fn syntax(message: &str) -> Problem {
    Problem::new(Severity::Block, "syntax", message, "mend the line so that it reads as TOML or JSON")
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn at(&self, offset: usize) -> u64 {
        self.0.partition_point(|start| *start <= offset) as u64
    }
}

struct Reading<'a> {
    lines: Lines,
    spans: Spans,
    problems: Vec<Problem>,
    file: &'a str,
}

impl Reading<'_> {
    fn table(&mut self, table: &DeTable<'_>, pointer: &str) -> Json {
        let mut json = Map::new();
        for (key, value) in table.iter() {
            let inner = deeper(pointer, key.get_ref());
            let line = self.lines.at(key.span().start);
            self.spans.0.insert(inner.clone(), line);
            let value = self.value(value.get_ref(), &inner, line);
            json.insert(key.get_ref().to_string(), value);
        }
        Json::Object(json)
    }

    fn value(&mut self, value: &DeValue<'_>, pointer: &str, line: u64) -> Json {
        match value {
            DeValue::String(text) => Json::String(text.to_string()),
            DeValue::Boolean(yes) => Json::Bool(*yes),
            DeValue::Datetime(time) => Json::String(time.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Json::from(number),
                Err(_) => self.out_of_range(pointer, line),
            },
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                number.map_or_else(|| self.out_of_range(pointer, line), Json::Number)
            }
            DeValue::Table(table) => self.table(table, pointer),
            DeValue::Array(values) => {
                let mut list = Vec::new();
                for (index, value) in values.iter().enumerate() {
                    let inner = deeper(pointer, index);
                    let line = self.lines.at(value.span().start).max(line);
                    self.spans.0.insert(inner.clone(), line);
                    list.push(self.value(value.get_ref(), &inner, line));
                }
                Json::Array(list)
            }
        }
    }

    fn out_of_range(&mut self, pointer: &str, line: u64) -> Json {
        let problem =
            Problem::new(Severity::Block, "wrong_value", "the number is out of range", "write a smaller number");
        self.problems.push(problem.at(pointer).in_file(self.file, Some(line)));
        Json::Null
    }
}

/// Walks JSON that is known to be well formed.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    spans: Spans,
    problems: Vec<Problem>,
    file: &'a str,
}

impl Scan<'_> {
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at).filter(|byte| byte.is_ascii_whitespace()) {
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && bytes[self.at] != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        self.text.get(start..self.at).and_then(|quoted| serde_json::from_str(quoted).ok()).unwrap_or_default()
    }

    fn value(&mut self, pointer: &str) {
        let open = self.peek();
        self.spans.0.entry(pointer.to_owned()).or_insert(self.line);
        match open {
            b'"' => {
                self.string();
            }
            b'{' | b'[' => self.inside(pointer, open == b'['),
            _ => {
                let rest = &self.text[self.at..];
                self.at += rest.find([',', '}', ']']).unwrap_or(rest.len());
            }
        }
    }

    fn inside(&mut self, pointer: &str, list: bool) {
        self.at += 1;
        let mut index = 0_usize;
        loop {
            match self.peek() {
                b'}' | b']' | 0 => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            let inner = if list { deeper(pointer, index) } else { deeper(pointer, self.string()) };
            index += 1;
            if self.spans.0.insert(inner.clone(), self.line).is_some() {
                let problem = Problem::new(Severity::Block, "syntax", "the key is there twice", "keep one of them");
                self.problems.push(problem.at(inner.clone()).in_file(self.file, Some(self.line)));
            }
            if !list {
                self.peek();
                self.at += 1;
            }
            self.value(&inner);
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_their_lines() {
        let toml = "a = 1\n\n[[m]]\nid = \"x\"\n[[m.f]]\nto = [\n 1,\n 2]\n[m.f.\"q/r\"]\nz = 1\n[[m]]\nid = 2\n";
        let json = "{\"a\": 1,\n\n \"m\":\n [{\"id\": \"x\", \"f\":\n  [{\"to\": [\n1,\n 2], \"q/r\": {\n\"z\": 1}}]}\n,{\n\"id\": 2}]}";
        let (from_toml, toml_spans) = read(toml, "f").unwrap();
        let (from_json, json_spans) = read(json, "f").unwrap();
        assert_eq!(from_toml, from_json);
        let cases = [
            ("/a", 1, 1),
            ("/m/0/id", 4, 4),
            ("/m/0/f/0/to", 6, 5),
            ("/m/0/f/0/to/1", 8, 7),
            ("/m/0/f/0/q~1r/z", 10, 8),
            ("/m/1", 11, 9),
            ("/m/1/id", 12, 10),
            ("/m/1/none", 11, 9),
        ];
        for (pointer, toml, json) in cases {
            assert_eq!(toml_spans.line(pointer), Some(toml), "TOML {pointer}");
            assert_eq!(json_spans.line(pointer), Some(json), "JSON {pointer}");
        }
    }

    #[test]
    fn broken_texts_are_located() {
        for (text, line) in
            [("a = 1\nb = = 2\n", 2), ("{\n\"a\": }", 2), ("{\"a\": 1,\n\"a\": 2}", 2), ("a = 1\na = 2", 2)]
        {
            let problems = read(text, "plan.toml").expect_err(text);
            assert_eq!((problems[0].code.as_str(), problems[0].line), ("syntax", Some(line)), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused(text in ".{0,60}", more in "[\\[\\]{}\", =a1\\n\\\\]{0,40}") {
            let _ = read(&text, "f");
            let _ = read(&more, "f");
            let _ = read(&format!("{{{more}"), "f");
        }
    }
}
