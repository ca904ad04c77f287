//! A profile export: every profile of the account by its key, each parsed when it is asked for.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use crmkit_core::{
    Error, ErrorKind, Result, Retry,
    chrono::{DateTime, Utc},
};
use serde_json::{Value as Json, json};

use super::{
    catalog::Catalog,
    client::{Client, Export},
    wire,
};

const OPERATION: &str = "apsis_one.export_profiles";

/// The account's profiles as one export, or several with different columns, gave them.
///
/// Profiles are walked in the order of their keys, so that a walk goes on after a key in any later export.
#[derive(Debug)]
pub(super) struct Extract {
    files: Vec<Vec<u8>>,
    index: BTreeMap<String, Vec<(usize, Range<usize>)>>,
    /// Keys of the members of segments that are kept as they are, by the segment's name.
    pub(super) members: Vec<(String, HashSet<String>)>,
    pub(super) taken: DateTime<Utc>,
}

/// A file that could be read: where each of its profiles is.
struct Part {
    file: Vec<u8>,
    places: Vec<(String, Range<usize>)>,
}

impl Extract {
    /// Asks for all profiles with all attributes and tags.
    pub(super) async fn take(client: &Client, catalog: &Catalog, static_segments: &[String]) -> Result<Self> {
        let taken = client.now();
        let mut extract = Self { files: Vec::new(), index: BTreeMap::new(), members: Vec::new(), taken };
        for body in bodies(catalog, client.body_limit())? {
            let part = client.export(Export::Profiles, &body, false, read).await?;
            let number = extract.files.len();
            for (key, place) in part.places {
                extract.index.entry(key).or_default().push((number, place));
            }
            extract.files.push(part.file);
        }
        for wanted in static_segments {
            let Some(segment) =
                catalog.segments.iter().find(|one| one.discriminator == *wanted || one.label() == wanted)
            else {
                let message = "the configuration names a segment that the account does not have";
                return Err(Error::input(OPERATION, message).with_context("segment", wanted));
            };
            let members = members(client, catalog, &segment.discriminator).await?;
            extract.members.push((segment.label().to_owned(), members.into_iter().collect()));
        }
        Ok(extract)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Keys in order, after one.
    pub(super) fn keys_after<'a>(&'a self, after: Option<&str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        use std::ops::Bound::{Excluded, Unbounded};
        match after {
            None => Box::new(self.index.keys().map(String::as_str)),
            Some(after) => {
                let range = self.index.range::<str, _>((Excluded(after), Unbounded));
                Box::new(range.map(|(key, _)| key.as_str()))
            }
        }
    }

    /// The profile of a key; the error is why it cannot be read.
    pub(super) fn profile(&self, key: &str) -> Result<wire::Profile, serde_json::Error> {
        let mut whole = wire::Profile::default();
        for (file, place) in self.index.get(key).into_iter().flatten() {
            let part: wire::Profile = serde_json::from_slice(&self.files[*file][place.clone()])?;
            for (section, data) in part.sections {
                let known = whole.sections.entry(section).or_default();
                known.attributes.extend(data.attributes);
                known.events.extend(data.events);
                match (&mut known.tags, data.tags) {
                    (Json::Array(known), Json::Array(mut more)) => known.append(&mut more),
                    (Json::Object(known), Json::Object(more)) => known.extend(more),
                    (known @ Json::Null, more) => *known = more,
                    _ => {}
                }
            }
        }
        Ok(whole)
    }
}

/// Where each profile of a file is.
fn read(file: Vec<u8>) -> Result<Part> {
    let unusable = |message: &str| Error::new(ErrorKind::Protocol, OPERATION, message, Retry::Never);
    let parsed: wire::ProfileFile<'_> = serde_json::from_slice(&file).map_err(|error| {
        unusable("the export is not what the interface documents, or not whole").with_context("line", error.line())
    })?;
    let start = file.as_ptr() as usize;
    let places = parsed.profiles.into_iter().map(|(key, raw)| {
        let from = raw.get().as_ptr() as usize - start;
        (key, from..from + raw.get().len())
    });
    let places = places.collect();
    Ok(Part { file, places })
}

/// Reads the profiles of an export file, one by one; the error is the whole file's.
pub(super) fn profiles(file: &[u8]) -> Result<Vec<(String, Result<wire::Profile, serde_json::Error>)>> {
    let parsed: wire::ProfileFile<'_> = serde_json::from_slice(file).map_err(|error| {
        Error::new(
            ErrorKind::Protocol,
            OPERATION,
            "the export is not what the interface documents, or not whole",
            Retry::Never,
        )
        .with_context("line", error.line())
    })?;
    Ok(parsed.profiles.into_iter().map(|(key, raw)| (key, serde_json::from_str(raw.get()))).collect())
}

/// The requests that together name every column, each short enough for the interface.
fn bodies(catalog: &Catalog, limit: usize) -> Result<Vec<Json>> {
    // Room for what stands around the columns.
    const AROUND: usize = 200;
    let room = limit.saturating_sub(AROUND);
    let mut bodies = Vec::new();
    let (mut attributes, mut tags, mut used) = (Vec::new(), Vec::new(), 0);
    for section in &catalog.sections {
        let named = section.attributes.iter().map(|one| (one, true)).chain(section.tags.iter().map(|one| (one, false)));
        for (one, is_attribute) in named {
            let kind = if is_attribute { "attribute_discriminator" } else { "tag_discriminator" };
            let column = json!({
                "section_discriminator": section.discriminator, kind: one.discriminator, "field_name": one.discriminator,
            });
            let length = column.to_string().len() + 1;
            if length > room {
                return Err(Error::input(OPERATION, "limits.body_bytes leaves no room for a single column"));
            }
            if used + length > room {
                bodies.push(json!({ "attributes": attributes, "tags": tags }));
                (attributes, tags, used) = (Vec::new(), Vec::new(), 0);
            }
            if is_attribute {
                attributes.push(column)
            } else {
                tags.push(column)
            }
            used += length;
        }
    }
    if used > 0 || bodies.is_empty() {
        bodies.push(json!({ "attributes": attributes, "tags": tags }));
    }
    Ok(bodies)
}

/// The export keys of a segment's members.
pub(super) async fn members(client: &Client, catalog: &Catalog, segment: &str) -> Result<Vec<String>> {
    let Some(section) = catalog.sections.first() else { return Ok(Vec::new()) };
    let body = json!({ "section_discriminator": section.discriminator, "segment_discriminator": segment });
    client
        .export(Export::Segment, &body, false, |file| {
            let unusable = || {
                let message = "the members of a segment could not be read";
                Error::new(ErrorKind::Protocol, "apsis_one.export_segment", message, Retry::Never)
            };
            let mut reader = csv::Reader::from_reader(&file[..]);
            let folded =
                |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            let header = reader.headers().map_err(|_| unusable())?;
            // The column's title is not published; it is documented to be there.
            let column = header.iter().position(|name| folded(name) == "exportkey").unwrap_or(0);
            reader
                .records()
                .map(|row| row.ok().and_then(|row| row.get(column).map(str::to_owned)).ok_or_else(unusable))
                .collect()
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_put_together_from_parts() {
        let files = [
            r#"{"metadata":{},"profiles":{"k\"1":{"sections":{"s":{"attributes":{"a":1},"tags":["x"]}}},"k2":{"sections":{}}}}"#,
            r#"{"profiles":{"k\"1":{"sections":{"s":{"attributes":{"b":2},"tags":["y"]}}}}}"#,
        ];
        let mut extract =
            Extract { files: vec![], index: BTreeMap::new(), members: vec![], taken: DateTime::UNIX_EPOCH };
        for (number, file) in files.into_iter().enumerate() {
            let part = read(file.as_bytes().to_vec()).unwrap();
            for (key, place) in part.places {
                extract.index.entry(key).or_default().push((number, place));
            }
            extract.files.push(part.file);
        }
        let profile = extract.profile("k\"1").unwrap();
        assert_eq!(json!(profile.sections["s"].attributes), json!({"a": 1, "b": 2}));
        assert_eq!(profile.sections["s"].tags_on(), ["x", "y"]);
        assert_eq!(extract.keys_after(Some("k\"1")).collect::<Vec<_>>(), ["k2"]);
        assert!(read(files[0].as_bytes()[..40].to_vec()).is_err());
    }
}
