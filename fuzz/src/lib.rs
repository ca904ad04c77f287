//! What the fuzz targets and the ordinary tests do with an input.

pub mod answers;
pub mod export;
pub mod plan;
