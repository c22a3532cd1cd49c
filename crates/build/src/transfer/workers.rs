//! Doing many small file operations on all processors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::request::Cancel;

/// Fewer items than this are done by the calling thread.
const WORTH_A_THREAD: usize = 64;
/// Items taken at a time.
const CHUNK: usize = 16;
/// Bytes of the buffer each worker has.
pub(crate) const BUFFER: usize = 128 << 10;

/// Calls `work` for every item with a buffer to use, in no particular order; gives the results in the items' order.
///
/// # Errors
/// One of the errors that occurred; `cancelled()` if the build was cancelled.
pub(crate) fn each<T: Sync, R: Send, E: Send>(
    items: &[T],
    cancel: &Cancel,
    cancelled: impl Fn() -> E + Sync,
    work: impl Fn(&T, &mut [u8]) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<E>> = Mutex::new(None);
    let share = || {
        let mut buffer = vec![0; BUFFER];
        let mut done = Vec::new();
        loop {
            let first = next.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= items.len() {
                return done;
            }
            let error = match cancel.is_cancelled() {
                true => Err(cancelled()),
                false => chunk(items, first, &mut buffer, &mut done, &work),
            };
            if let Err(error) = error {
                next.store(items.len(), Ordering::Relaxed);
                failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                return done;
            }
        }
    };
    let mut done = run(items.len(), share);
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            done.sort_unstable_by_key(|(index, _)| *index);
            Ok(done.into_iter().map(|(_, result)| result).collect())
        }
    }
}

fn chunk<T, R, E>(
    items: &[T],
    first: usize,
    buffer: &mut [u8],
    done: &mut Vec<(usize, R)>,
    work: &impl Fn(&T, &mut [u8]) -> Result<R, E>,
) -> Result<(), E> {
    for (index, item) in items.iter().enumerate().skip(first).take(CHUNK) {
        done.push((index, work(item, buffer)?));
    }
    Ok(())
}

/// Runs `share` on as many threads as are worth it and joins their results.
fn run<R: Send>(items: usize, share: impl Fn() -> Vec<R> + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if processors == 1 || items < WORTH_A_THREAD {
        return share();
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..processors).map(|_| scope.spawn(&share)).collect();
        let mut done = share();
        for other in others {
            match other.join() {
                Ok(results) => done.extend(results),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled = each(&items, &Cancel::default(), || (), |item, _| Ok(item * 2)).unwrap();
        assert!(doubled.iter().enumerate().all(|(index, value)| *value == index * 2));
    }

    #[test]
    fn an_error_and_a_cancellation_end_the_work() {
        let items: Vec<usize> = (0..1000).collect();
        let failing = |item: &usize, _: &mut [u8]| if *item == 500 { Err("bad") } else { Ok(()) };
        assert_eq!(each(&items, &Cancel::default(), || "cancelled", failing), Err("bad"));
        let cancel = Cancel::default();
        cancel.cancel();
        assert_eq!(each(&items, &cancel, || "cancelled", failing), Err("cancelled"));
    }
}
