//! The contract of a field transform, what it may know, and the registry that plans name transforms from.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{FieldName, FieldType, TransformCall, Value};

mod arguments;
mod choose;
mod date;
mod domain;
mod each;
mod email;
mod html;
mod json;
mod name;
mod number;
mod phone;
mod standard;
mod template;
#[cfg(test)]
mod testkit;
mod text;
mod value_map;

use arguments::Arguments;

/// Turns the values of one plan line into the next ones.
///
/// Pure: same inputs and context, same answer. Built by a registered factory from the plan line's arguments.
///
/// # Contract
/// - `output` is the plan's type check: from the types of the inputs to the type of the answer, before anything runs.
/// - `apply` gets one entry per input; `None` is absent. A value of a type it does not handle it returns untouched. Every lossy
///   step is noted with [`FieldContext::note`].
///
/// # Errors
/// [`TransformError`] says whether the value is dropped with a note or the record is held.
pub trait FieldTransform: Debug + Send + Sync + 'static {
    /// The type of the answer for these inputs.
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError>;

    /// The answer for these inputs.
    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError>;
}

/// Why a transform gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformError {
    /// What is wrong, without the value.
    pub message: String,
    /// Whether the record is held; otherwise the value is dropped with a note.
    pub hold: bool,
}

impl TransformError {
    /// The record waits for a decision.
    pub fn hold(message: impl Into<String>) -> Self {
        Self { message: message.into(), hold: true }
    }

    /// The value is left out with a note.
    pub fn drop_value(message: impl Into<String>) -> Self {
        Self { message: message.into(), hold: false }
    }

    /// The transform got another number of inputs than it takes.
    pub fn inputs(transform: &str, wanted: usize) -> Self {
        Self::hold(format!("{transform} takes {wanted} input{}", if wanted == 1 { "" } else { "s" }))
    }
}

/// What a transform may know beside its inputs, and where it leaves notes.
#[derive(Debug)]
pub struct FieldContext<'a> {
    settings: &'a TransformSettings,
    notes: Vec<String>,
}

/// Plan-wide settings that transforms go by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransformSettings {
    /// The zone of times that carry none.
    pub time_zone: Option<Tz>,
    /// The zone in which a moment becomes a day.
    pub date_zone: Option<Tz>,
    /// The currency of amounts that carry none.
    pub currency: Option<Arc<str>>,
    /// Tables by name, loaded before the unit: key to value.
    pub tables: BTreeMap<String, BTreeMap<String, Value>>,
}

impl<'a> FieldContext<'a> {
    /// A context without notes.
    pub fn new(settings: &'a TransformSettings) -> Self {
        Self { settings, notes: Vec::new() }
    }

    /// Plan-wide settings.
    pub fn settings(&self) -> &'a TransformSettings {
        self.settings
    }

    /// An entry of a table that was loaded before the unit.
    pub fn lookup(&self, table: &str, key: &str) -> Option<&'a Value> {
        self.settings.tables.get(table)?.get(key)
    }

    /// Notes a lossy step, without the value.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The notes so far, leaving none.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// What a factory builds a transform from.
#[derive(Clone, Copy, Debug)]
pub struct FactoryInput<'a> {
    /// The plan line's arguments; `null` where there are none.
    pub arguments: &'a Json,
    /// The names of the inputs: the line's source fields for its first transform, none for those after it.
    pub from: &'a [FieldName],
}

impl FactoryInput<'_> {
    /// The arguments as a type of the transform's own; none at all read as an empty table.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct Arguments {
    ///     step: i64,
    /// }
    /// let arguments = serde_json::json!({ "step": 5 });
    /// let input = crmkit_core::FactoryInput { arguments: &arguments, from: &[] };
    /// assert_eq!(input.parse::<Arguments>()?.step, 5);
    /// # Ok::<(), crmkit_core::TransformError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, TransformError> {
        let arguments = match self.arguments {
            Json::Null => Json::Object(serde_json::Map::new()),
            given => given.clone(),
        };
        serde_json::from_value(arguments)
            .map_err(|error| TransformError::hold(format!("the arguments are wrong: {error}")))
    }
}

/// Builds a transform from a plan line's arguments.
pub type TransformFactory =
    Arc<dyn Fn(FactoryInput<'_>) -> Result<Arc<dyn FieldTransform>, TransformError> + Send + Sync>;

/// Which transform of a line cannot be built, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Its place in the line, from 0.
    pub index: usize,
    /// Why; `None` where nobody registered the name.
    pub error: Option<TransformError>,
}

/// What a line's transforms gave: the value, and the notes on the way.
pub type Applied = (Option<Value>, Vec<String>);

/// The transforms a plan can name.
#[derive(Clone)]
pub struct Transforms(BTreeMap<String, Registered>);

#[derive(Clone)]
struct Registered {
    version: u32,
    factory: TransformFactory,
}

impl Debug for Transforms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, known)| (name, known.version))).finish()
    }
}

impl Transforms {
    /// No transforms at all.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a transform. `version` is its mapping version: raised only when the same input would give another output.
    pub fn register<T: FieldTransform>(
        &mut self,
        name: impl Into<String>,
        version: u32,
        factory: impl Fn(FactoryInput<'_>) -> Result<T, TransformError> + Send + Sync + 'static,
    ) -> &mut Self {
        let factory: TransformFactory =
            Arc::new(move |input| factory(input).map(|made| Arc::new(made) as Arc<dyn FieldTransform>));
        self.0.insert(name.into(), Registered { version, factory });
        self
    }

    /// Builds the transform `name`; `None` where nobody registered it.
    pub fn build(
        &self,
        name: &str,
        input: FactoryInput<'_>,
    ) -> Option<Result<Arc<dyn FieldTransform>, TransformError>> {
        self.0.get(name).map(|known| (known.factory)(input))
    }

    /// Builds the transforms of a plan line that takes the fields `from`.
    ///
    /// # Errors
    /// Names the first call that is unknown or has wrong arguments.
    pub fn build_all(
        &self,
        calls: &[TransformCall],
        from: &[FieldName],
    ) -> Result<Vec<Arc<dyn FieldTransform>>, CallError> {
        let mut built = Vec::with_capacity(calls.len());
        for (index, call) in calls.iter().enumerate() {
            let input = FactoryInput { arguments: &call.arguments, from: if index == 0 { from } else { &[] } };
            match self.build(&call.name, input) {
                Some(Ok(transform)) => built.push(transform),
                Some(Err(error)) => return Err(CallError { index, error: Some(error) }),
                None => return Err(CallError { index, error: None }),
            }
        }
        Ok(built)
    }

    /// Shows what a line's transforms make of some values.
    ///
    /// # Errors
    /// What the first failing transform says; a transform that is unknown or has wrong arguments holds.
    ///
    /// ```
    /// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
    /// let calls = [TransformCall::bare("trim"), TransformCall::with("truncate", 4)];
    /// let (value, notes) = Transforms::standard().preview(
    ///     &calls,
    ///     &["name".into()],
    ///     &[Some(Value::text(" Acme AB "))],
    ///     &TransformSettings::default(),
    /// )?;
    /// assert_eq!(value, Some(Value::text("Acme")));
    /// assert_eq!(notes.len(), 2);
    /// # Ok::<(), crmkit_core::TransformError>(())
    /// ```
    pub fn preview(
        &self,
        calls: &[TransformCall],
        from: &[FieldName],
        inputs: &[Option<Value>],
        settings: &TransformSettings,
    ) -> Result<Applied, TransformError> {
        let built = self.build_all(calls, from).map_err(|wrong| {
            wrong.error.unwrap_or_else(|| TransformError::hold(format!("no transform {:?}", calls[wrong.index].name)))
        })?;
        let mut cx = FieldContext::new(settings);
        let mut inputs = inputs.to_vec();
        for transform in built {
            inputs = vec![transform.apply(&inputs, &mut cx)?];
        }
        Ok((inputs.into_iter().next().flatten(), cx.take_notes()))
    }

    /// The mapping version of `name`.
    pub fn version(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|known| known.version)
    }

    /// Registered names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
