//! Which character separates a file's cells.

/// Candidates, the likelier first.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Records looked at.
const RECORDS: usize = 20;

/// The delimiter of the text that `sample` begins: the one that gives the most records as many cells as the header.
pub(super) fn sniff(sample: &[u8]) -> u8 {
    let score = |delimiter| {
        let counts = counts(sample, delimiter);
        let header = counts.first().copied().unwrap_or(0);
        let alike = counts.iter().filter(|count| **count == header).count();
        if header == 0 { (0, 0) } else { (alike * 100 / counts.len(), header) }
    };
    let mut best = (CANDIDATES[0], score(CANDIDATES[0]));
    for delimiter in &CANDIDATES[1..] {
        let score = score(*delimiter);
        if score > best.1 {
            best = (*delimiter, score);
        }
    }
    best.0
}

/// Delimiters outside quotes in each of the first records. A record that the sample cuts off does not count.
fn counts(sample: &[u8], delimiter: u8) -> Vec<usize> {
    let (mut counts, mut current, mut quoted, mut empty) = (Vec::new(), 0, false, true);
    for byte in sample {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                if !empty {
                    counts.push(current);
                }
                (current, empty) = (0, true);
                if counts.len() == RECORDS {
                    return counts;
                }
                continue;
            }
            byte if !quoted && *byte == delimiter => current += 1,
            _ => {}
        }
        empty = empty && *byte == b'\r';
    }
    if counts.is_empty() && !empty {
        counts.push(current);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::sniff;

    #[test]
    fn the_delimiter_is_the_one_outside_quotes_that_fits_the_header() {
        let cases: [(&str, u8); 8] = [
            ("id,name\n1,Acme\n", b','),
            ("id;name;amount\n1;Acme;1,5\n2;\"Be, Co\";2,5\n", b';'),
            ("id\tname\n1\tA,B,C\n", b'\t'),
            ("id|name\n1|Acme\n", b'|'),
            ("id,note\n1,\"a;b;c\nd;e;f\"\n", b','),
            ("id\n1\n", b','),
            ("", b','),
            ("id,name\n1,a;b\n\r\n2,c;d", b','),
        ];
        for (sample, wanted) in cases {
            assert_eq!(char::from(sniff(sample.as_bytes())), char::from(wanted), "{sample}");
        }
    }
}
