//! Columns of text for people: Chinese characters take two places on a screen, others one.

/// Rows as lines, each indented by two places, columns two places apart. The last column is not padded.
pub(super) fn lines<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    lines_of(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>())
}

/// As [`lines`], for columns that are known only when running.
pub(super) fn lines_of(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let of_column = |ix| rows.iter().filter_map(move |row: &Vec<String>| row.get(ix)).map(|cell: &String| width(cell));
    let widths: Vec<usize> = (0..columns).map(|ix| of_column(ix).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let mut out = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            out.push_str("  ");
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', wide - width(cell)));
        }
        out.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A number with its English word, in the plural unless it is one.
pub(super) fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

fn width(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_chinese_headers() {
        let rows = [["行".to_owned(), "a".into()], ["12".into(), "b".into()], ["123".into(), String::new()]];
        assert_eq!(lines(&rows), ["  行   a", "  12   b", "  123"]);
    }
}
