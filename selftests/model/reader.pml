// SPDX-License-Identifier: MIT
/*
 * Readers, and the processors on which they run: part of grace.pml
 *
 * What a thread stores to its slot goes into a buffer and reaches memory in order, but
 * at any later time. Loads are made in order; that of the own slot looks into the buffer
 * first. This is x86's total store order. A thread that moves to another processor
 * passes a barrier, so that a buffer can belong to a thread.
 *
 *	enter: old = slot; e = epoch (acquire); slot = old ? old : e; compiler barrier
 *	exit:  slot = old (release)
 */

#ifdef MORTAL
#define OR_DIES :: die(_pid) -> goto end_born
#else
#define OR_DIES
#endif

#ifdef ENTER_OVERWRITES
#define ENTERED(f) e[f]
#else
#define ENTERED(f) (old[f] -> old[f] : e[f])
#endif

#ifdef EXIT_CLEARS
#define LEFT(f) 0
#else
#define LEFT(f) old[f]
#endif

/* ---- the steps of a section --------------------------------------------------------- */

/* The own slot changes by nobody else, so that both loads can be one step. */
inline load_epoch(t, f)
{
	d_step {
		old[f] = slot[SLOT(t)];
		for (k : 1 .. len(buffer[t])) {
			buffer[t] ? old[f];
			buffer[t] ! old[f];
		}
		e[f] = epoch;
		printf("reader %d: enters, old %d, epoch %d\n", t, old[f], e[f]);
	}
}

inline store_epoch(t, f)
{
	d_step {
		nfull(buffer[t]) ->
		buffer[t] ! ENTERED(f);
		printf("reader %d: stores %d to its buffer\n", t, ENTERED(f));
		e[f] = 0;
	}
}

inline load_pointer(t, o)
{
	d_step {
		linked[o] && !HAS(users[o], t) ->
		ADD(users[o], t);
		printf("reader %d: uses object %d\n", t, o);
	}
}

/* What was loaded in any section may be used until the outermost one ends. */
inline stop_using(t, f)
{
	if
	:: old[f] == 0 ->
		for (k : 0 .. LAST) {
			DROP(users[k], t);
		}
		nested = false
	:: else
	fi
}

inline leave(t, f)
{
#ifdef EXIT_BEFORE_USE
	d_step {
		nfull(buffer[t]) ->
		buffer[t] ! LEFT(f);
		printf("reader %d: leaves, stores %d to its buffer\n", t, LEFT(f));
	}
	d_step {
		stop_using(t, f);
		old[f] = 0;
	}
#else
	d_step {
		nfull(buffer[t]) ->
		stop_using(t, f);
		buffer[t] ! LEFT(f);
		printf("reader %d: leaves, stores %d to its buffer\n", t, LEFT(f));
		old[f] = 0;
	}
#endif
}

/* Its stores stay in the buffer, and the kernel may know of its death before them. */
inline die(t)
{
	d_step {
#ifndef DEATH_IGNORED
		owner[SLOT(t)] = 0;
#endif
		for (k : 0 .. LAST) {
			DROP(users[k], t);
		}
		old[t] = 0;
		old[t + THREADS] = 0;
		e[t] = 0;
		e[t + THREADS] = 0;
		nested = false;
		printf("reader %d: dies\n", t);
	}
}

/* ---- sections ----------------------------------------------------------------------- */

/* All of one: in a function that is called in another one, or in a handler. */
inline inner_section(t)
{
	load_epoch(t, t + THREADS);
	if
	:: store_epoch(t, t + THREADS)
	OR_DIES
	fi;
	do
	:: load_pointer(t, 0)
	:: load_pointer(t, LAST)
	:: leave(t, t + THREADS) -> break
	OR_DIES
	od
}

/* In an order that enter forbids. */
inline load_pointer_early(t)
{
	if
	:: load_pointer(t, 0)
	:: load_pointer(t, LAST)
	fi
}

inline section(t)
{
#ifdef POINTER_BEFORE_EPOCH
	load_pointer_early(t);
#endif
	load_epoch(t, t);
#ifdef POINTER_BEFORE_STORE
	load_pointer_early(t);
#endif
	if
	:: store_epoch(t, t)
#if SIGNALS
	:: HAS(SIGNALS, t) ->
		inner_section(t);
		if
		:: store_epoch(t, t)
		OR_DIES
		fi
#endif
	OR_DIES
	fi;
	do
	:: load_pointer(t, 0)
	:: load_pointer(t, LAST)
#if NESTS
	:: HAS(NESTS, t) && !nested ->
		nested = true;
		inner_section(t)
#endif
#ifdef STALLS
	:: t == 0 ->
end_stalled:
		false
#endif
	:: leave(t, t) -> break
	OR_DIES
	od
}

/* ---- threads ------------------------------------------------------------------------ */

/*
 * A slot is given on when its owner is gone and nothing that the owner stored is on
 * its way any more. A new thread's processor has an empty buffer: a switch of threads
 * is a barrier.
 */
#define SHARER(t) (t >= SLOTS -> t - SLOTS : (t + SLOTS < THREADS -> t + SLOTS : t))
#ifdef REUSED_UNDRAINED
#define DRAINED(t) empty(buffer[t])
#else
#define DRAINED(t) (empty(buffer[t]) && empty(buffer[SHARER(t)]))
#endif
#ifdef STEALS_SLOT
#define VACANT(s) true
#else
#define VACANT(s) (owner[s] == 0)
#endif

active [THREADS] proctype reader()
{
	bool nested;

#define ME _pid
end_born:
	atomic {
		VACANT(SLOT(ME)) && DRAINED(ME) ->
		owner[SLOT(ME)] = ME + 1;
#ifndef NOT_ZEROED
		slot[SLOT(ME)] = 0;
#endif
		printf("reader %d: gets slot %d\n", ME, SLOT(ME));
	}
	do
	:: section(ME)
#ifdef MORTAL
	:: d_step {
		/* READER_UNREGISTER takes a lock, which is a barrier. */
		empty(buffer[ME]) ->
		owner[SLOT(ME)] = 0;
		printf("reader %d: unregisters\n", ME);
	} -> goto end_born
	:: die(ME) -> goto end_born
#endif
	od
}

/* ---- processors --------------------------------------------------------------------- */

inline drain(c)
{
	buffer[c] ? slot[SLOT(c)];
	printf("processor %d: slot %d becomes %d\n", c, SLOT(c), slot[SLOT(c)]);
}

active [THREADS] proctype processor()
{
#define CPU (_pid - THREADS)
end:	do
	:: d_step { nempty(buffer[CPU]) -> drain(CPU); }
	od
}

/* Between two instructions of the thread that runs there. */
inline pass_barrier(c)
{
	d_step {
		HAS(barrier_due, c) ->
		do
		:: nempty(buffer[c]) -> drain(c)
		:: empty(buffer[c]) -> break
		od;
		DROP(barrier_due, c);
		printf("processor %d: passes RCU's barrier\n", c);
	}
}
