//! What was published of each incident, what the run makes of it, and why the two differ where they do.
//!
//! A figure is an *input* if the scenario was given it (its run only shows that it arrived), an *output* if the world had to
//! find it, and *own* if nobody published it. What is expected is worked out from what the scenario says, in the words
//! beside it; where that is not what was published, the words say what is missing.

use Measure::{EndsAfter, FirstHarm, HarmEnds, Lasted, Share, Users, Verified};

/// A published incident.
pub struct Incident {
    /// The scenario.
    pub scenario: &'static str,
    /// Who published it.
    pub source: &'static str,
    /// When people decided, in minutes after the deploy: an input. `None` where they had nothing to take back.
    pub decided: Option<f64>,
    /// What is compared.
    pub figures: &'static [Figure],
    /// What shipped policies would have changed.
    pub claim: Claim,
    /// The same in words.
    pub lesson: &'static str,
}

/// One figure of an incident.
pub struct Figure {
    /// What it is called.
    pub name: &'static str,
    /// What it is in a run.
    pub measure: Measure,
    /// Whether the scenario was given it.
    pub role: Role,
    /// What was published.
    pub published: Option<f64>,
    /// What follows from the scenario.
    pub expected: f64,
    /// How far the run may be from that.
    pub within: f64,
    /// Why it is expected, and why it is not what was published.
    pub why: &'static str,
}

/// What is read off a run; minutes count from the deploy.
#[derive(Clone, Copy)]
pub enum Measure {
    /// Minute of the first harmed request.
    FirstHarm,
    /// Minute of the end of the last scrape interval with a harmed request.
    HarmEnds,
    /// Minutes from the first harm to the last.
    Lasted,
    /// Minutes from the one given until the last harm.
    EndsAfter(f64),
    /// Minute at which the rollback was verified.
    Verified,
    /// Share of the requests harmed between two minutes.
    Share(f64, f64),
    /// Share of the users with a harmed request.
    Users,
}

impl Measure {
    /// Whether it is a share and not a time.
    pub fn is_share(self) -> bool {
        matches!(self, Measure::Share(..) | Measure::Users)
    }
}

/// Where a figure comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Published, and given to the scenario.
    Input,
    /// Published, and not given to the scenario.
    Output,
    /// Not published.
    Own,
}

/// What shipped policies would have changed, against what people did.
#[derive(Clone, Copy)]
pub enum Claim {
    /// This one takes at least this share off the harm.
    Helps(&'static str, f64),
    /// Some decide, and none takes as much as a fifth off the harm.
    NobodyHelps,
    /// Some see it, and nobody hears them.
    NobodyIsHeard,
    /// None decides at all.
    NobodySees,
}

const fn figure(
    name: &'static str,
    measure: Measure,
    (role, published): (Role, Option<f64>),
    (expected, within): (f64, f64),
    why: &'static str,
) -> Figure {
    Figure { name, measure, role, published, expected, within, why }
}

const fn input(published: f64) -> (Role, Option<f64>) {
    (Role::Input, Some(published))
}

const fn output(published: f64) -> (Role, Option<f64>) {
    (Role::Output, Some(published))
}

const OWN: (Role, Option<f64>) = (Role::Own, None);

/// The corpus, guides first, then by date.
pub const INCIDENTS: &[Incident] = &[
    Incident {
        scenario: "incident/guide-blue-green-payment",
        source: "guide on rollback strategies, example 1",
        decided: Some(22.0),
        figures: &[
            figure("first failures", FirstHarm, input(20.0), (20.0, 0.3), "the fault begins there"),
            figure("share hit", Share(20.5, 22.0), OWN, (0.6, 0.02), "not published; three in five"),
            figure(
                "stable",
                HarmEnds,
                output(23.0),
                (22.15, 0.25),
                "the switch back takes 2 s and is counted to the end of a scrape interval; the guide's minute is one of looking",
            ),
            figure(
                "minutes of failures",
                Lasted,
                output(3.0),
                (2.15, 0.4),
                "as above: the guide counts to \"stable\"",
            ),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.5),
        lesson: "Any check of errors decides sooner than two minutes of people but the one that waits two minutes by rule.",
    },
    Incident {
        scenario: "incident/guide-canary-latency",
        source: "guide on rollback strategies, example 2",
        decided: Some(12.0),
        figures: &[
            figure(
                "share hit",
                Share(1.0, 12.0),
                output(0.05),
                (0.0465, 0.003),
                "5 % of the requests, of which the fastest 7 % stay inside the objective though 24 times as slow",
            ),
            figure(
                "users hit",
                Users,
                output(0.05),
                (0.22, 0.04),
                "\"5 % of users affected\" is the share of requests: with seven requests each in twelve minutes a fifth \
                 of the users meets the canary",
            ),
            figure(
                "stable",
                HarmEnds,
                output(13.0),
                (12.25, 0.3),
                "weights are back in 2 s; the minute is one of looking",
            ),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.8),
        lesson: "Only checks of latency see it; five-xx and the error budget never do.",
    },
    Incident {
        scenario: "incident/guide-rolling-migration",
        source: "guide on rollback strategies, example 3",
        decided: Some(17.0),
        figures: &[
            figure("first errors", FirstHarm, input(15.0), (15.0, 0.3), "the fault begins there"),
            figure("share hit", Share(15.5, 17.0), OWN, (0.6, 0.02), "not published; three in five"),
            figure(
                "complete",
                HarmEnds,
                output(20.0),
                (20.0, 1.25),
                "twelve pods, three at a time, half a minute to a minute each: two to four minutes",
            ),
            figure(
                "stable",
                Verified,
                output(25.0),
                (20.0, 1.25),
                "three statements undo the schema in seconds; the guide's five minutes are a look again",
            ),
            figure(
                "minutes of downtime",
                Lasted,
                output(10.0),
                (5.0, 1.25),
                "the guide counts from the first error to \"stable\", and three requests in five as all",
            ),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.3),
        lesson: "A minute and a half of people is the least part: going back takes twice as long, whoever decides.",
    },
    Incident {
        scenario: "incident/guide-incident-report",
        source: "guide on rollback strategies, incident report",
        decided: Some(20.0),
        figures: &[
            figure("first errors", FirstHarm, input(15.0), (15.0, 0.3), "the fault begins there"),
            figure("share hit", Share(15.5, 20.0), input(0.5), (0.5, 0.02), "half of the requests"),
            figure(
                "complete",
                HarmEnds,
                output(25.0),
                (25.0, 1.5),
                "twelve pods, three at a time, about 75 s each: four to six minutes",
            ),
            figure(
                "stable",
                Verified,
                output(30.0),
                (25.0, 1.5),
                "pods are looked at as soon as they are there; the report's five minutes are a look again",
            ),
            figure(
                "minutes of impact",
                Lasted,
                output(30.0),
                (10.0, 1.5),
                "the report's thirty are from the deploy to \"stable\"; it shows no error before 14:15",
            ),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.4),
        lesson: "Machines save the five minutes until the decision, and not the five of the way back.",
    },
    Incident {
        scenario: "incident/knight-2012",
        source: "Knight Capital, 2012-08-01",
        decided: Some(30.0),
        figures: &[
            figure("first wrong order", FirstHarm, input(10.0), (10.0, 0.3), "the market opens"),
            figure(
                "share wrong before",
                Share(10.5, 30.0),
                input(0.125),
                (0.125, 0.01),
                "one server in eight",
            ),
            figure(
                "share wrong after",
                Share(31.5, 55.0),
                output(1.0),
                (1.0, 0.01),
                "\"made it worse\": all eight servers have the old code by then, and the flag is set: eight times as many",
            ),
            figure("minutes", Lasted, input(45.0), (45.0, 0.3), "stopped by hand: the end of the run"),
        ],
        claim: Claim::NobodySees,
        lesson: "Nothing that errors or latency show. After a rollback, by machine or by hand, eight times as many orders are wrong: \
                 who does nothing beats the people, and `always` is worst.",
    },
    Incident {
        scenario: "incident/gce-network-2016",
        source: "Google Compute Engine, 2016-04-11",
        decided: Some(277.0),
        figures: &[
            figure("last site gone", FirstHarm, input(259.0), (259.0, 0.5), "the end of the push"),
            figure("share lost", Share(260.0, 277.0), input(0.95), (0.95, 0.01), "of the inbound traffic"),
            figure(
                "over",
                HarmEnds,
                output(277.0),
                (277.25, 0.25),
                "a configuration is in force after 5 s here; \"minutes\" in the report",
            ),
            figure("minutes", Lasted, output(18.0), (18.0, 0.6), "from the last site to the revert"),
        ],
        claim: Claim::NobodyIsHeard,
        lesson: "All that look at errors see it in the first minutes, say so once, and are not heard; with the verdicts delivered all prevent it.",
    },
    Incident {
        scenario: "incident/cloudflare-waf-2019",
        source: "Cloudflare, 2019-07-02",
        decided: Some(25.0),
        figures: &[
            figure("share lost", Share(0.5, 25.0), input(0.8), (0.8, 0.01), "of the traffic"),
            figure(
                "normal",
                HarmEnds,
                output(27.0),
                (25.2, 0.25),
                "the kill switch is everywhere in 2.3 s and nothing has to drain; starved machines took two minutes",
            ),
            figure("minutes", Lasted, output(27.0), (25.1, 0.4), "as above"),
        ],
        claim: Claim::Helps("burn-rate", 0.9),
        lesson: "Errors of this size need a minute; finding the cause is not needed to take back the last change.",
    },
    Incident {
        scenario: "incident/stripe-2019",
        source: "Stripe, 2019-07-10",
        decided: Some(228.0),
        figures: &[
            figure("first failures", FirstHarm, input(10.0), (10.0, 0.6), "the fault begins there"),
            figure(
                "share hit in the first outage",
                Share(12.0, 36.0),
                OWN,
                (0.9, 0.02),
                "\"most\"; nine in ten",
            ),
            figure(
                "share hit until the rollback",
                Share(45.0, 225.0),
                OWN,
                (0.0, 0.001),
                "all is well for three hours",
            ),
            figure(
                "share hit in the second outage",
                Share(231.0, 380.0),
                OWN,
                (0.7, 0.02),
                "\"most\" again; all pods are of the old version, and seven in ten of their requests need what is gone",
            ),
            figure("second outage over", HarmEnds, input(382.0), (382.0, 0.6), "the end of the run"),
            figure(
                "minutes of the second outage",
                EndsAfter(228.0),
                output(93.0),
                (154.0, 1.0),
                "here it begins with the rollback, as processes that start read the configuration; in life 61 minutes later",
            ),
        ],
        claim: Claim::Helps("health-check-3-fails", 0.5),
        lesson: "All that look at errors roll back within the first outage, which ends it after a minute and begins the second: \
                 worse than the people, who waited for three hours. Whoever never fires does best.",
    },
    Incident {
        scenario: "incident/azure-ad-2021",
        source: "Azure AD, 2021-03-15",
        decided: Some(125.0),
        figures: &[
            figure(
                "share hit before the rollback",
                Share(120.0, 125.0),
                OWN,
                (0.64, 0.02),
                "a fetch every two hours: 1 - exp(-122.5 / 120)",
            ),
            figure(
                "share hit an hour after it",
                Share(180.0, 190.0),
                OWN,
                (0.444, 0.02),
                "a half-life of 110 minutes takes a third away",
            ),
            figure(
                "share hit at 09:25",
                Share(860.0, 870.0),
                OWN,
                (0.006, 0.002),
                "6.7 half-lives after the rollback; \"residual\" in the report",
            ),
            figure(
                "last failures",
                HarmEnds,
                output(865.0),
                (870.0, 1.0),
                "one in 160 clients still holds the keys when the report calls it over: the end of the run",
            ),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.8),
        lesson: "A check of errors fires when one client in twenty has fetched, and takes back the change it watches; the people \
                 took back another one first. The tail is as long for all of them.",
    },
    Incident {
        scenario: "incident/google-gclb-2021",
        source: "Google Cloud load balancing, 2021-11-16",
        decided: Some(33.0),
        figures: &[
            figure("share hit", Share(0.5, 33.0), input(1.0), (1.0, 0.01), "every answer"),
            figure("rolled back", HarmEnds, output(33.0), (33.25, 0.25), "in force after 5 s"),
        ],
        claim: Claim::Helps("error-5pct-or-latency-1s", 0.9),
        lesson: "The alert came after a quarter of an hour. The answers were 404 and are server errors here: checks that count \
                 5xx only would not have seen them.",
    },
    Incident {
        scenario: "incident/github-migration-2021",
        source: "GitHub, 2021-11-27",
        decided: None,
        figures: &[
            figure(
                "share hit",
                Share(10.0, 170.0),
                OWN,
                (0.5, 0.02),
                "not published; half of the requests need the table",
            ),
            figure(
                "minutes",
                Lasted,
                input(170.0),
                (170.0, 0.6),
                "the statement holds its lock so long: nothing anybody decides is in it",
            ),
        ],
        claim: Claim::NobodyHelps,
        lesson: "All that look at errors fire within three minutes, take the code back in half a minute, and change nothing.",
    },
    Incident {
        scenario: "incident/slack-2022",
        source: "Slack, 2022-02-22",
        decided: Some(4.0),
        figures: &[
            figure(
                "share hit at first",
                Share(2.0, 4.0),
                OWN,
                (0.4, 0.04),
                "whatever needs the database fails: all reads of a quarter of the pods, a fifth of the others'",
            ),
            figure(
                "share hit after the rollback",
                Share(10.0, 15.0),
                OWN,
                (0.2, 0.03),
                "published without a number: \"was not enough\". The cache answers four of five again, and the queue of the \
                 database fails the fifth, and its second attempt keeps the queue",
            ),
            figure(
                "minutes",
                Lasted,
                output(300.0),
                (15.0, 0.5),
                "to the end of the run: nothing in it ends the overload. The five hours ended by throttling users, which is \
                 not played",
            ),
        ],
        claim: Claim::NobodyHelps,
        lesson: "A rollback within a minute is as late as one after four: the queue is there after ten seconds.",
    },
    Incident {
        scenario: "incident/honeycomb-2023",
        source: "Honeycomb, 2023-07-25",
        decided: Some(30.0),
        figures: &[
            figure(
                "slow burn",
                Share(12.0, 38.0),
                OWN,
                (0.005, 0.001),
                "not published; five times the objective",
            ),
            figure(
                "share hit in the outage",
                Share(50.5, 115.0),
                input(1.0),
                (1.0, 0.01),
                "everything for everybody",
            ),
            figure(
                "flag put back, share after it",
                Share(32.0, 38.0),
                OWN,
                (0.005, 0.002),
                "as before it: the flag did nothing (published)",
            ),
            figure(
                "first parts back",
                HarmEnds,
                output(118.0),
                (118.0, 1.0),
                "the flag, a look of 75 s, 86 minutes of people (an input), then ten hosts restart in seconds",
            ),
            figure(
                "minutes of total outage",
                EndsAfter(50.0),
                output(68.0),
                (68.0, 1.0),
                "as above; all parts are back at once here, and took until 15:35",
            ),
        ],
        claim: Claim::NobodyHelps,
        lesson: "The slow burn is too slow for all four; they see the degraded minutes, later than the people did, and their flag \
                 does nothing either. Without a look after the rollback nobody would have begun the other way.",
    },
    Incident {
        scenario: "incident/github-db-config-2024",
        source: "GitHub, 2024-08-14",
        decided: Some(36.0),
        figures: &[
            figure(
                "down",
                FirstHarm,
                input(3.0),
                (3.0, 0.3),
                "three health checks of five seconds after 2m45s",
            ),
            figure("share hit", Share(3.5, 36.0), output(1.0), (1.0, 0.001), "no host is left"),
            figure(
                "recovered",
                HarmEnds,
                output(39.0),
                (37.1, 0.6),
                "the first hosts back, after 40 to 60 s, carry everything here; in life nearly all are needed",
            ),
            figure("minutes", Lasted, output(36.0), (34.1, 0.8), "as above"),
        ],
        claim: Claim::Helps("health-check-3-fails", 0.9),
        lesson: "Who gets no request counts no error: the three that look at requests see nothing for an hour, and the check \
                 that asks hosts itself decides in forty seconds.",
    },
    Incident {
        scenario: "incident/anthropic-2025",
        source: "Anthropic, 2025-08",
        decided: Some(30.0),
        figures: &[
            figure(
                "share hit at first",
                Share(1.0, 24.0),
                input(0.008),
                (0.008, 0.006),
                "one to three of 280 users",
            ),
            figure(
                "share hit at worst",
                Share(25.0, 30.0),
                input(0.16),
                (0.16, 0.05),
                "45 of 280 users, more or less busy",
            ),
            figure(
                "users hit",
                Users,
                output(0.3),
                (0.168, 0.03),
                "here a user is sent to a server once and stays for good, so as many users are hit as requests; in life every \
                 conversation was sent anew and then stayed, which is between this and one in one",
            ),
            figure(
                "routing mended",
                HarmEnds,
                output(42.0),
                (30.5, 0.5),
                "the weight is back in seconds; the mending went platform by platform for twelve days",
            ),
        ],
        claim: Claim::NobodySees,
        lesson: "No check of errors, latency or health has anything to see; users told of it.",
    },
    Incident {
        scenario: "incident/cloudflare-bot-file-2025",
        source: "Cloudflare, 2025-11-18",
        decided: Some(199.0),
        figures: &[
            figure("first errors", FirstHarm, input(15.0), (15.0, 0.3), "the first bad file"),
            figure(
                "share hit, one file in three bad",
                Share(15.0, 65.0),
                OWN,
                (0.24, 0.01),
                "20 of 50 minutes, 60 %",
            ),
            figure(
                "share hit, two in three",
                Share(65.0, 115.0),
                OWN,
                (0.42, 0.01),
                "35 of 50 minutes, 60 %",
            ),
            figure("share hit, all", Share(115.0, 199.0), OWN, (0.6, 0.01), "60 %"),
            figure(
                "normal",
                HarmEnds,
                output(205.0),
                (202.0, 1.5),
                "a quarter more and a quarter fewer proxies at a time, a minute to a minute and a half each: half of them is \
                 replaced at once, so two to four minutes; how fast they really restarted is not published",
            ),
            figure("minutes", Lasted, output(190.0), (187.0, 1.7), "as above"),
        ],
        claim: Claim::Helps("burn-rate", 0.95),
        lesson: "Every check of errors decides within the first bad file, before anybody can think of an attack.",
    },
];
