//! "Did you mean": the known name nearest to an unknown one.

/// A remedy for an unknown name: the nearest known one, or what there is.
pub(crate) fn instead<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(nearest) = nearest(wrong, &known) {
        return format!("did you mean {nearest:?}?");
    }
    match known.len() {
        0 => String::new(),
        1..=12 => format!("known are {}", known.join(", ")),
        more => format!("known are {}, and {} more", known[..12].join(", "), more - 12),
    }
}

fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let mut best: Option<(&str, f64)> = None;
    for name in known {
        let likeness = strsim::normalized_damerau_levenshtein(&wrong, &name.to_lowercase());
        if likeness >= 0.6 && best.is_none_or(|(_, other)| likeness > other) {
            best = Some((name, likeness));
        }
    }
    best.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::instead;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(instead("trimm", ["truncate", "trim"]), "did you mean \"trim\"?");
        assert_eq!(instead("zzz", ["truncate", "trim"]), "known are truncate, trim");
        assert_eq!(instead("zzz", []), "");
    }
}
