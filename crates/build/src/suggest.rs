//! The known word nearest to an unknown one, for messages.

/// The nearest of `known` if it is near enough to be meant.
pub(crate) fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let (distance, nearest) =
        known.iter().map(|candidate| (distance(&lower, &candidate.to_lowercase()), *candidate)).min()?;
    (distance <= 1 + word.len() / 4).then_some(nearest)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            rows[i][j] = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["RUN", "COPY", "ENTRYPOINT"];
        assert_eq!(nearest("RNU", &known), Some("RUN"));
        assert_eq!(nearest("entrypiont", &known), Some("ENTRYPOINT"));
        assert_eq!(nearest("FETCH", &known), None);
    }
}
