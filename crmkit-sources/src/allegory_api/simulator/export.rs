//! An export folder of CSV files as a seed.

use std::{fs, io, path::Path};

use indexmap::IndexMap;
use serde_json::Value;

use super::account::{Content, Row, Seed};

/// Reads a folder that the contract describes: plain CSV in UTF-8, one file an object.
pub(super) fn read(folder: &Path) -> io::Result<Seed> {
    let manifest = document(&folder.join("manifest.json"))?;
    let text = |key: &str| manifest[key].as_str().map(str::to_owned);
    let mut seed = Seed {
        instance: text("instance").or_else(|| text("source")),
        timezone: text("timezone"),
        currency: text("currency"),
        ..Seed::default()
    };
    if let Value::Object(objects) = document(&folder.join("schema.json"))?["objects"].take() {
        seed.schema = objects.into_iter().collect();
    }
    let mut files = IndexMap::new();
    for entry in manifest["objects"].as_array().into_iter().flatten() {
        let (Some(name), Some(file)) = (entry["name"].as_str(), entry["file"].as_str()) else { continue };
        files.insert(name.to_owned(), file.to_owned());
    }
    for (object, file) in files {
        let rows = rows(&folder.join(file))?;
        for row in rows.iter().filter(|_| object == "attachments") {
            let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let default = format!("attachments/{}/{}", text("id"), text("file_name"));
            let path = Some(text("path_or_url")).filter(|path| !path.is_empty()).unwrap_or(default);
            let stays = !path.contains("://") && !path.split('/').any(|part| part == "..");
            let path = folder.join(path);
            if stays && path.is_file() {
                seed.files.insert(text("id"), Content::Path(path));
            }
        }
        seed.objects.insert(object, rows);
    }
    if let Ok(entries) = fs::read_dir(folder.join("workflows")) {
        let mut workflows = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let Some(id) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let definition = fs::read_to_string(&path)?;
            let parsed: Value = serde_json::from_str(&definition)?;
            let name = parsed["name"].as_str().unwrap_or(id).to_owned();
            let cells = [("id", id.to_owned()), ("name", name), ("definition", definition)];
            workflows.push(cells.into_iter().map(|(key, cell)| (key.to_owned(), Value::from(cell))).collect::<Row>());
        }
        workflows.sort_by_key(|row| row["id"].to_string());
        seed.objects.insert("workflows".to_owned(), workflows);
    }
    if folder.join("deleted.csv").is_file() {
        seed.deleted = rows(&folder.join("deleted.csv"))?;
    }
    Ok(seed)
}

fn document(path: &Path) -> io::Result<Value> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// The rows of a file that have as many cells as its header; an empty cell is no key.
fn rows(path: &Path) -> io::Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        if record.len() == header.len() {
            let cells = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
            rows.push(cells.map(|(name, cell)| (name.clone(), Value::from(cell))).collect());
        }
    }
    Ok(rows)
}
