// SPDX-License-Identifier: MIT
/*
 * The protocol of grace periods, for spin: is an object ever freed while a reader
 * may use it, in any order of events? Is it freed at all?
 *
 * selftests/model/run.sh (make model) runs this in the configurations, and with the
 * mistakes, that selftests/model/runs.conf lists. Documentation/model.rst says what is
 * modelled, what is not, and what was found.
 *
 * Readers    threads that enter and leave sections: reader.pml, also their processors.
 * Retirers   unlink an object and retire it, over and over. Object 0 is freed by the
 *            kernel (RETIRE), object 1 by its owner, once its cookie is completed
 *            (GRACE_START). What was freed is linked again.
 * Kernel     the work item that takes one period after the other.
 *
 * Each step is one access to memory that others see, or all that happens under a
 * lock. There is no bound on the number of periods: renumber() keeps epochs small.
 */

#ifndef THREADS
#define THREADS 2	/* reader threads, 2 or 3; thread t has slot t % SLOTS */
#endif
#ifndef SLOTS
#define SLOTS THREADS	/* at least THREADS / 2 */
#endif
#ifndef OBJECTS
#define OBJECTS 2	/* 1: only the one that the kernel frees */
#endif
#ifndef DEPTH
#define DEPTH 2		/* stores that wait in a processor's buffer, at most */
#endif
#ifndef NESTS
#define NESTS 0		/* bit t: thread t enters again inside of a section */
#endif
#ifndef SIGNALS
#define SIGNALS 0	/* bit t: a handler has a section amid t's enter */
#endif
/*
 * MORTAL: threads die, anywhere, or unregister, and others get their slots.
 * STALLS: thread 0 may stop for ever in a section.
 * PERIODS=N: retirers stop after N periods, and nothing is renumbered.
 */

#ifndef SCRATCH
#define SCRATCH hidden	/* not part of the state; breadth-first search cannot do that */
#endif

#define BIT(i) (1 << (i))
#define HAS(set, i) ((set) & BIT(i))
#define ADD(set, i) set = (set) | BIT(i)
#define DROP(set, i) set = (set) & ~BIT(i)
#define SLOT(t) ((t) % SLOTS)
#define LAST (OBJECTS - 1)

/* The control page, and the readers' slots. */
byte epoch = 1, completed;
byte slot[SLOTS];

/* The kernel's own. Sets have a bit for each object; an owner is a thread, plus 1. */
byte next = 1, running, gathering, closed;
byte owner[SLOTS];

/* Does a load of the pointer find the object? Which cookie did its retirer get? */
bool linked[OBJECTS];
byte cookie[OBJECTS];	/* 0: not retired, or freed since */

/* What enter calls old and e: of thread t, and at t + THREADS of its inner section. */
byte old[2 * THREADS], e[2 * THREADS];
chan buffer[THREADS] = [DEPTH] of { byte };

/* Known to nobody in the model: the threads that may use an object. */
byte users[OBJECTS];

SCRATCH byte i, k, v;

/* ---- what must be true -------------------------------------------------------------- */

/* Named for what happens if it is not. */
byte freed_in_use, freed_twice, completed_jumps;

#define CHECK_FREE(o) \
	freed_twice = (cookie[o] == 0); \
	assert(!freed_twice); \
	freed_in_use = users[o]; \
	assert(!freed_in_use)

#define CHECK_COMPLETE(period) \
	completed_jumps = (period != completed + 1); \
	assert(!completed_jumps)

ltl never_freed { [] (cookie[0] != 0 -> <> (cookie[0] == 0)) }
ltl never_completed { [] (cookie[LAST] != 0 -> <> (cookie[LAST] == 0)) }

/* ---- numbers ------------------------------------------------------------------------ */

/*
 * Epochs are compared with running, and loaded from next = running + 1, and running
 * only grows. So all epochs before running are treated alike, for ever, and 1 can stand
 * for them. When next becomes 4 all numbers are made less by one, but for those that
 * are 1: no comparison, now or later, comes out differently.
 */
#define OLDER(x) x = (x > 1 -> x - 1 : x)

inline renumber()
{
	if
	:: next > 3 ->
		next--;
		running--;
		completed--;
		OLDER(epoch);
		for (i : 0 .. SLOTS - 1) {
			OLDER(slot[i]);
		}
		for (i : 0 .. LAST) {
			OLDER(cookie[i]);
		}
		for (i : 0 .. 2 * THREADS - 1) {
			OLDER(old[i]);
			OLDER(e[i]);
		}
		for (i : 0 .. THREADS - 1) {
			for (k : 1 .. len(buffer[i])) {
				buffer[i] ? v;
				OLDER(v);
				buffer[i] ! v;
			}
		}
		printf("kernel: from here on all numbers are one less\n")
	:: else
	fi
}

#include "reader.pml"

/* ---- retirers ----------------------------------------------------------------------- */

#define PERIOD_RUNS (running > completed)

/* The cookie is the period that gathers, never one that runs. */
#ifdef COOKIE_OF_RUNNING
#define COOKIE (PERIOD_RUNS -> running : next)
#else
#define COOKIE next
#endif

#ifdef JOINS_RUNNING
#define GATHER(o) \
	if \
	:: PERIOD_RUNS -> ADD(closed, o) \
	:: else -> ADD(gathering, o) \
	fi
#else
#define GATHER(o) ADD(gathering, o)
#endif

#ifdef LOST_START
bool wanted;
#define ASK_FOR_START() wanted = wanted || !PERIOD_RUNS
#define START_WANTED wanted
#else
#define ASK_FOR_START() skip
#define START_WANTED gathering
#endif

#ifdef PERIODS
#define MORE (next <= PERIODS)
#else
#define MORE true
#endif

/*
 * The store that unlinks may stay in the retirer's buffer until the system call: as
 * the retirer loads nothing in between, that is as if it were made later.
 */
inline unlink(o)
{
	d_step {
		linked[o] = false;
		printf("retirer %d: unlinks object %d\n", o, o);
	}
}

/* RETIRE and GRACE_START, under the cache's lock. */
inline retire(o)
{
	d_step {
		cookie[o] = COOKIE;
		GATHER(o);
		ASK_FOR_START();
		printf("retirer %d: retires object %d, cookie %d\n", o, o, cookie[o]);
	}
}

active [OBJECTS] proctype retirer()
{
#define OBJECT (_pid - 2 * THREADS)
	linked[OBJECT] = true;
end:	do
	:: MORE ->
#ifdef UNLINKS_LATE
		retire(OBJECT);
		unlink(OBJECT);
#else
		unlink(OBJECT);
		retire(OBJECT);
#endif
		if
		:: d_step {
			OBJECT == 0 && cookie[0] == 0 ->
			linked[0] = true;
			printf("retirer 0: links object 0 again\n");
		}
#if OBJECTS > 1
		:: d_step {
			OBJECT == 1 && completed >= cookie[1] ->
			printf("retirer 1: frees object 1, and links it again\n");
			CHECK_FREE(1);
			cookie[1] = 0;
			linked[1] = true;
		}
#endif
		fi
	od
}

/* ---- the kernel's work item --------------------------------------------------------- */

/* Under the cache's lock. */
inline close_period()
{
	d_step {
		START_WANTED ->
#ifdef LOST_START
		wanted = false;
#endif
		running = next;
		next++;
		closed = gathering;
#ifndef FREED_TWICE
		gathering = 0;
#endif
		printf("kernel: closes period %d\n", running);
#ifndef PERIODS
		renumber();
#endif
	}
}

inline publish_epoch(number)
{
	d_step {
		epoch = number;
		printf("kernel: epoch is %d\n", epoch);
	}
}

/* Each processor passes a full barrier after this began; in any order. */
inline rcu_grace_period()
{
	barrier_due = BIT(THREADS) - 1;
	do
	:: pass_barrier(0)
	:: pass_barrier(1)
#if THREADS > 2
	:: pass_barrier(2)
#endif
	:: barrier_due == 0 -> break
	od
}

#ifdef COMPARES_LESS
#define DELAYS(seen) (seen && seen < running)
#else
#define DELAYS(seen) (seen && seen <= running)
#endif

/*
 * One slot after the other: the word, then whether its owner lives. At one that delays
 * begin again, as often as it takes, but without another grace period of RCU.
 */
inline scan()
{
	do
	:: s < SLOTS ->
		d_step {
			seen = slot[s];
			printf("kernel: slot %d has %d\n", s, seen);
		}
		if
		:: d_step {
			!DELAYS(seen) || !owner[s] ->
			s++;
			seen = 0;
		}
		:: d_step {
			DELAYS(seen) && owner[s] ->
			s = 0;
			seen = 0;
		}
		fi
	:: else -> s = 0; break
	od
}

inline free_closed()
{
	d_step {
		if
		:: HAS(closed, 0) ->
			printf("kernel: frees object 0\n");
			CHECK_FREE(0);
			cookie[0] = 0
		:: else
		fi;
		closed = 0;
	}
}

#ifdef COMPLETES_NEXT
#define FINISHED next
#else
#define FINISHED running
#endif

inline complete_period()
{
	d_step {
		printf("kernel: completed is %d\n", FINISHED);
		CHECK_COMPLETE(FINISHED);
		completed = FINISHED;
	}
}

active proctype kernel()
{
	byte s, seen, barrier_due;

end:	do
	::
#if defined(NO_RCU)
		close_period();
		publish_epoch(next);
		scan();
#elif defined(RCU_TOO_EARLY)
		rcu_grace_period();
		close_period();
		publish_epoch(next);
		scan();
#elif defined(RCU_AFTER_SCAN)
		close_period();
		publish_epoch(next);
		scan();
		rcu_grace_period();
#elif defined(EPOCH_EARLY)
		publish_epoch(next + 1);
		close_period();
		rcu_grace_period();
		scan();
#elif defined(EPOCH_LATE)
		close_period();
		rcu_grace_period();
		scan();
		publish_epoch(next);
#else
		close_period();
		publish_epoch(next);
		rcu_grace_period();
		scan();
#endif
		free_closed();
		complete_period()
	od
}
