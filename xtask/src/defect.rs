//! The list of deliberate defects: what is broken, what a user would suffer, and which test has to notice.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use crate::Result;

/// `defects.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// Test targets by the name that defects use for them.
    #[serde(rename = "suite")]
    pub(crate) suites: BTreeMap<String, Suite>,
    #[serde(rename = "defect")]
    pub(crate) defects: Vec<Defect>,
}

/// A test target and how it is built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suite {
    pub(crate) package: String,
    #[serde(default)]
    pub(crate) features: Vec<String>,
    /// An integration test; without it the unit tests of the library.
    pub(crate) target: Option<String>,
}

/// One deliberate defect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defect {
    pub(crate) name: String,
    /// What a user would suffer, in one sentence.
    pub(crate) suffers: String,
    /// The file it is put into.
    pub(crate) file: String,
    /// The text that is there, exactly once.
    pub(crate) find: String,
    /// What stands there instead.
    pub(crate) replace: String,
    pub(crate) suite: String,
    /// The whole name of the test that has to fail.
    pub(crate) test: String,
}

impl List {
    /// Reads the list that is checked in.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join("xtask/defects.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let list: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        match list.defects.iter().find(|defect| !list.suites.contains_key(&defect.suite)) {
            Some(defect) => Err(format!("{}: there is no suite {}", defect.name, defect.suite)),
            None => Ok(list),
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Defect> {
        self.defects.iter().find(|defect| defect.name == name)
    }

    pub(crate) fn suite_of(&self, defect: &Defect) -> &Suite {
        &self.suites[&defect.suite]
    }

    /// The test as people say it.
    pub(crate) fn test_of(&self, defect: &Defect) -> String {
        let suite = self.suite_of(defect);
        format!("{} {} {}", suite.package, suite.target.as_deref().unwrap_or("lib"), defect.test)
    }
}

impl Suite {
    /// The arguments of cargo that build this target and no other.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["test".to_owned(), "--package".to_owned(), self.package.clone()];
        if !self.features.is_empty() {
            arguments.extend(["--features".to_owned(), self.features.join(",")]);
        }
        match &self.target {
            Some(target) => arguments.extend(["--test".to_owned(), target.clone()]),
            None => arguments.push("--lib".to_owned()),
        }
        arguments
    }
}

impl Defect {
    /// The file's text with the defect in it. The error says that the entry is stale.
    pub(crate) fn put_into(&self, text: &str) -> Result<String> {
        match text.matches(self.find.as_str()).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            0 => Err(format!("{} has no such text any more", self.file)),
            times => Err(format!("{} has the text {times} times", self.file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf};

    use super::*;

    /// All sources below a folder, in one text.
    fn sources(folder: &Path) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                text.push_str(&sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
        text
    }

    #[test]
    fn every_defect_still_fits_its_file() {
        let root = crate::root();
        let list = List::read(&root).unwrap();
        assert!(list.defects.len() >= 30, "{} defects", list.defects.len());
        let mut names = BTreeSet::new();
        for defect in &list.defects {
            assert!(names.insert(&defect.name), "{} is there twice", defect.name);
            let text =
                fs::read_to_string(root.join(&defect.file)).unwrap_or_else(|error| panic!("{defect:?}: {error}"));
            let broken = defect.put_into(&text).unwrap_or_else(|stale| panic!("{}: {stale}", defect.name));
            assert_ne!(broken, text, "{} changes nothing", defect.name);
        }
    }

    #[test]
    fn every_defect_s_test_is_there() {
        let root = crate::root();
        let list = List::read(&root).unwrap();
        let rules = sources(&root.join("crmkit-core/src/testing/conformance"));
        for (name, suite) in &list.suites {
            let package = root.join(&suite.package);
            let tests = match &suite.target {
                Some(target) if package.join("tests").join(target).is_dir() => {
                    sources(&package.join("tests").join(target))
                }
                Some(target) => fs::read_to_string(package.join(format!("tests/{target}.rs"))).unwrap(),
                None => sources(&package.join("src")),
            };
            for defect in list.defects.iter().filter(|defect| defect.suite == *name) {
                let function = defect.test.rsplit("::").next().unwrap();
                let there = [(&tests, "fn "), (&rules, "pub async fn ")].into_iter().any(|(text, before)| {
                    [format!("{before}{function}("), format!("{before}{function}<")].iter().any(|it| text.contains(it))
                });
                assert!(there, "{}: there is no test {} in {name}", defect.name, defect.test);
            }
        }
    }
}
