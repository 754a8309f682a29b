//! A progress bar for people who wait: on terminals only, and only after a quarter of a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ui::Ui;

/// Nothing is shown before this: most runs are over by then.
const PATIENCE: Duration = Duration::from_millis(250);
/// Time between looks at the count.
const LOOK: Duration = Duration::from_millis(50);

/// Does the work while a bar shows how far it is; `done` counts up to `total`.
pub(super) fn with_bar<T>(ui: &Ui, total: u64, done: impl Fn() -> u64 + Sync, work: impl FnOnce() -> T) -> T {
    with_bar_of(ui, "replications", total, done, work)
}

/// The same, where something else is counted.
pub(super) fn with_bar_of<T>(
    ui: &Ui,
    what: &str,
    total: u64,
    done: impl Fn() -> u64 + Sync,
    work: impl FnOnce() -> T,
) -> T {
    if !ui.shows_progress() {
        return work();
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| watch(what, total, &done, &over));
        let result = work();
        over.store(true, Ordering::Release);
        result
    })
}

fn watch(what: &str, total: u64, done: &(impl Fn() -> u64 + Sync), over: &AtomicBool) {
    let began = Instant::now();
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what}, {{eta}} left"))
    {
        bar.set_style(style);
    }
    let mut shown = false;
    while !over.load(Ordering::Acquire) {
        if !shown && began.elapsed() >= PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
            shown = true;
        }
        bar.set_position(done());
        std::thread::sleep(LOOK);
    }
    bar.finish_and_clear();
}
