//! What a column holds, seen over the whole file: types, pick-list entries, the style of its numbers.

use indexmap::IndexMap;

use super::values::{self, Moment, NumberShape, Style};

/// Entries kept of a pick-list; a column with more is text.
pub(super) const MOST_OPTIONS: usize = 500;

/// Longest entry that a pick-list may have.
const LONG: usize = 255;

/// Entries up to which a column that nobody declared is taken for a pick-list.
const FEW: usize = 24;

/// Longest entry of a pick-list that nobody declared.
const SHORT: usize = 60;

/// What was seen in a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    filled: u64,
    bools: u64,
    ints: u64,
    numbers: u64,
    dates: u64,
    naive: u64,
    zoned: u64,
    longest: usize,
    multiline: bool,
    strong_dot: bool,
    strong_comma: bool,
    weak_dot: bool,
    weak_comma: bool,
    options: IndexMap<Box<str>, u64>,
    many: bool,
}

/// What a column nobody declared turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inferred {
    Bool,
    Int,
    Decimal,
    Date,
    Moment,
    Option,
    Text,
    LongText,
}

impl Seen {
    /// Takes one filled cell into account.
    pub(super) fn add(&mut self, cell: &str, types: bool, options: bool) {
        self.filled += 1;
        self.longest = self.longest.max(cell.len());
        if types {
            self.multiline |= cell.contains('\n');
            self.kind(cell);
        }
        if options && !self.many {
            if let Some(count) = self.options.get_mut(cell) {
                *count += 1;
            } else if self.options.len() < MOST_OPTIONS && cell.len() <= LONG {
                self.options.insert(cell.into(), 1);
            } else {
                self.many = true;
                self.options = IndexMap::new();
            }
        }
    }

    /// Takes what was seen further down the column into account.
    pub(super) fn merge(&mut self, more: Self) {
        self.filled += more.filled;
        self.bools += more.bools;
        self.ints += more.ints;
        self.numbers += more.numbers;
        self.dates += more.dates;
        self.naive += more.naive;
        self.zoned += more.zoned;
        self.longest = self.longest.max(more.longest);
        self.multiline |= more.multiline;
        self.strong_dot |= more.strong_dot;
        self.strong_comma |= more.strong_comma;
        self.weak_dot |= more.weak_dot;
        self.weak_comma |= more.weak_comma;
        self.many |= more.many;
        for (entry, count) in more.options {
            *self.options.entry(entry).or_default() += count;
        }
        if self.many || self.options.len() > MOST_OPTIONS {
            self.many = true;
            self.options = IndexMap::new();
        }
    }

    fn kind(&mut self, cell: &str) {
        let first = cell.as_bytes().first().copied().unwrap_or(b' ');
        if first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.' | b',') {
            match values::number_shape(cell) {
                Some(shape) => {
                    self.numbers += 1;
                    match shape {
                        NumberShape::Whole { padded } => self.ints += u64::from(!padded),
                        NumberShape::Dot { sure: true } => self.strong_dot = true,
                        NumberShape::Dot { sure: false } => self.weak_dot = true,
                        NumberShape::Comma { sure: true } => self.strong_comma = true,
                        NumberShape::Comma { sure: false } => self.weak_comma = true,
                    }
                }
                None => match values::moment(cell) {
                    Some(Moment::Date(_)) => self.dates += 1,
                    Some(Moment::Naive(_)) => self.naive += 1,
                    Some(Moment::Zoned(_)) => self.zoned += 1,
                    None => {}
                },
            }
        } else if values::boolean(cell).is_some() {
            self.bools += 1;
        }
    }

    /// Cells that are numbers, days or moments.
    pub(super) fn known(&self) -> u64 {
        self.numbers + self.dates + self.naive + self.zoned
    }

    /// Whether any cell was filled.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether any cell was a moment and not only a day.
    pub(super) fn has_times(&self) -> bool {
        self.naive + self.zoned > 0
    }

    /// Whether any cell was a day without a time.
    pub(super) fn has_dates(&self) -> bool {
        self.dates > 0
    }

    /// Whether any cell was a date and time without a zone.
    pub(super) fn has_naive(&self) -> bool {
        self.naive > 0
    }

    /// Whether all numbers are whole.
    pub(super) fn is_whole(&self) -> bool {
        !(self.strong_dot || self.strong_comma || self.weak_dot || self.weak_comma)
    }

    /// How the column writes decimals.
    pub(super) fn style(&self) -> Style {
        match (self.strong_dot, self.strong_comma, self.weak_dot, self.weak_comma) {
            (true, true, ..) | (false, false, true, true) => Style::Mixed,
            (false, true, ..) => Style::Comma,
            (false, false, false, true) => Style::Unsure,
            _ => Style::Dot,
        }
    }

    /// Pick-list entries in order of appearance; `None` where there are too many for a pick-list.
    pub(super) fn options(&self) -> Option<impl Iterator<Item = &str>> {
        (!self.many).then(|| self.options.keys().map(|entry| &**entry))
    }

    /// The type of a column that nobody declared.
    pub(super) fn infer(&self) -> Inferred {
        let all = |count: u64| count > 0 && count == self.filled;
        let few = !self.many && self.options.len() <= FEW && self.filled >= 2 * self.options.len() as u64;
        if all(self.bools) {
            Inferred::Bool
        } else if all(self.ints) && self.is_whole() {
            Inferred::Int
        } else if all(self.numbers) && !self.is_whole() {
            Inferred::Decimal
        } else if all(self.dates) {
            Inferred::Date
        } else if all(self.dates + self.naive + self.zoned) {
            Inferred::Moment
        } else if few && self.filled > 0 && !self.multiline && self.longest <= SHORT {
            Inferred::Option
        } else if self.multiline || self.longest > 255 {
            Inferred::LongText
        } else {
            Inferred::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(cells: &[&str]) -> Seen {
        let mut seen = Seen::default();
        cells.iter().for_each(|cell| seen.add(cell, true, true));
        seen
    }

    #[test]
    fn columns_are_what_all_their_cells_are() {
        let cases: [(&[&str], Inferred); 12] = [
            (&["yes", "No", "TRUE"], Inferred::Bool),
            (&["1", "-2", "30"], Inferred::Int),
            (&["1", "0"], Inferred::Int),
            (&["1", "2.5"], Inferred::Decimal),
            (&["2024-01-02", "2024-02-03"], Inferred::Date),
            (&["2024-01-02", "2024-02-03T10:00:00Z"], Inferred::Moment),
            (&["Gold", "Silver", "Gold", "Gold"], Inferred::Option),
            (&["Gold", "Silver"], Inferred::Text),
            (&["007", "1234"], Inferred::Text),
            (&["1", "x", "2"], Inferred::Text),
            (&["a\nb", "a\nb"], Inferred::LongText),
            (&[], Inferred::Text),
        ];
        for (cells, wanted) in cases {
            assert_eq!(seen(cells).infer(), wanted, "{cells:?}");
        }
    }

    #[test]
    fn number_styles_need_evidence() {
        let cases: [(&[&str], Style); 8] = [
            (&["1", "2"], Style::Dot),
            (&["1.25"], Style::Dot),
            (&["1,25", "3"], Style::Comma),
            (&["1.234,50", "1.234"], Style::Comma),
            (&["1,234.50", "1,234"], Style::Dot),
            (&["1,5", "1.5"], Style::Mixed),
            (&["1,234"], Style::Unsure),
            (&["1.234"], Style::Dot),
        ];
        for (cells, wanted) in cases {
            assert_eq!(seen(cells).style(), wanted, "{cells:?}");
        }
    }
}
