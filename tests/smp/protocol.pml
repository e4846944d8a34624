/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fill, loss, drain, shootdown and page-free of lguest's shared shadow tables: docs/smp.md. One root, one upper entry U (table present or not), one leaf L (frame 1, 2, or
 * GARBAGE once the guest has freed the table page and put something else in it).
 * vCPU 0: takes things away.  vCPU 1: relies on what it saw vCPU 0 take away, flushes itself, touches.
 * vCPU 2: touches, drains as a context switch does, evicts, and uses zapped pages again when nobody is stale.
 * As lg.ko is, a walk is made with mmu_lock held. SEQ: it is made without, and believed only if nothing was drained meanwhile.
 * Memory is sequentially consistent here: where the code needs smp_mb() the order of statements stands for it.
 */
#ifndef NV
#define NV 3
#endif
#define NP 3			/* shadow pages; never recycled here, so that a late use of one is seen */
#define GARBAGE 3
#define LEAF 1
#define UPPER 2
#define ENTERING 1
#ifdef BUG_EVENT_BASED
#define ASK zapped_now		/* kick only if this very drain zapped something */
#else
#define ASK true
#endif

/* the guest's tables, its queues (one record each kind is enough), its lock */
byte U = 1, L = 1;
byte q[NV * 2];			/* records */
byte head[NV], taken[NV], done[NV];
byte ptl = 0;
bool told1 = false, told2 = false;	/* somebody is already responsible for flushing loss 1, 2 */
bool freed1 = false;		/* ghost: a flush for frame 1 has returned: nobody may use it */
bool tfreed = false;		/* ghost: a flush for the table has returned: it is other memory now */
bool gone1 = false, goneT = false;	/* ghost: the loss was drained: no fill may install what it took */

/* the host */
byte mmu_lock = 0, seq = 0, gen = 2, rootgen = 2;
byte SU = 0;			/* 0, or 1 + shadow page */
byte spte[NP];
byte nextpage = 0;
#define P_FREE 0
#define P_USED 1
#define P_ZAPPED 2
byte pstate[NP], stamp[NP];	/* stamp: gen when it was zapped */
byte where[NV], seen[NV];
#define HOST 0
#define OFF 1			/* host, interrupts off */
#define GUEST 2
byte hw[NV];
bool ipi[NV];
byte tlb[NV], psc[NV];		/* what the vCPU's PCID holds: a leaf, and an upper entry (1 + page) */

inline lock() { atomic { mmu_lock == 0 -> mmu_lock = 1 } }
inline unlock() { mmu_lock = 0 }

/* --- host, under mmu_lock --- */
inline stale() { d_step { gen++; rootgen = gen } }

inline zap_upper() {
	if
	:: SU != 0 ->
#ifdef BUG_GEN_FIRST
		stale();
#endif
		zp = SU - 1; SU = 0;
#ifndef BUG_GEN_FIRST
		stale();
#endif
		d_step { pstate[zp] = P_ZAPPED; stamp[zp] = gen };
		zapped_now = true
	:: else
	fi
}

inline take_all() {		/* what every queue holds; done[] is untouched */
	v = 0;
	do
	:: atomic { v < NV && taken[v] < head[v] && q[v * 2 + taken[v]] == LEAF -> 
		taken[v]++; took = true };
		if
		:: SU != 0 && spte[SU - 1] != 0 ->
#ifdef BUG_GEN_FIRST
			stale();
			spte[SU - 1] = 0;
#else
			spte[SU - 1] = 0;
			stale();
#endif
			zapped_now = true
		:: else
		fi;
		gone1 = true
	:: atomic { v < NV && taken[v] < head[v] && q[v * 2 + taken[v]] == UPPER ->
		taken[v]++; took = true };
		zap_upper(); goneT = true
	:: atomic { v < NV && taken[v] >= head[v] -> v++ }
	:: atomic { v >= NV -> v = 0; break }
	od;
	if :: atomic { took -> seq++; took = false } :: else fi
}

/* Only what was zapped up to the snapshot: a page that another vCPU zapped meanwhile is not ours to free */
#define stampok(p) (stamp[p] <= sgen)
inline free_zapped() {
	d_step {
		v = 0;
		do
		:: v < NP -> if :: pstate[v] == P_ZAPPED && stampok(v) -> pstate[v] = P_FREE :: else fi; v++
		:: else -> break
		od;
		v = 0
	}
}
inline publish() {
	d_step {
		if :: done[0] < snap0 -> done[0] = snap0 :: else fi;
		if :: done[1] < snap1 -> done[1] = snap1 :: else fi;
#if NV > 2
		if :: done[2] < snap2 -> done[2] = snap2 :: else fi;
#endif
		v = 0
	}
}

/* --- lg_nobody_stale(), reuse_zapped(): with the lock held --- */
inline reuse() {
	early = true; v = 0;
	do
	:: atomic { v < NV -> if :: where[v] != 0 && (where[v] == ENTERING || where[v] < rootgen) -> early = false :: else fi; v++ }
	:: atomic { else -> v = 0; break }
	od;
#ifdef BUG_REUSE_AT_ONCE
	early = true;
#endif
	if :: early -> sgen = gen; free_zapped(); sgen = 0 :: else fi;
	early = false
}

/* --- FLUSH: take all, kick who may still use what is gone, then say so --- */
inline flush(me) {
#ifdef BUG_OWN_QUEUE
	if
	:: d_step { done[me] == head[me] -> zapped_now = false }
	:: else ->
#else
	/* early out: every queue is empty and acknowledged; the guest reads them one by one */
	early = true; v = 0;
	do
	:: atomic { v < NV -> if :: done[v] != head[v] -> early = false :: else fi; v++ }
	:: atomic { else -> v = 0; break }
	od;
	if
	:: atomic { early -> early = false }
	:: else ->
#endif
		lock();
		take_all();
		d_step {
			snap0 = taken[0]; snap1 = taken[1];
#if NV > 2
			snap2 = taken[2];
#endif
			sgen = gen
		};
#ifdef BUG_FREE_EARLY
		free_zapped();
#endif
#ifdef BUG_DONE_EARLY
		publish();
#endif
		/* who is in the guest with something older; reads one by one, without order */
		v = 0;
		do
		:: atomic { v < NV ->
			if
			:: v != me && where[v] != 0 && (where[v] == ENTERING || where[v] < rootgen) && ASK -> mask[v] = 1
			:: else
			fi;
			v++ }
		:: atomic { else -> v = 0; zapped_now = false; break }
		od;
		atomic { mmu_lock = 0;
			do
			:: v < NV -> if :: mask[v] -> ipi[v] = true :: else fi; v++
			:: else -> break
			od;
			v = 0
		};
		/* an IPI is taken at once where interrupts are on, else when the vCPU has left */
		do
		:: atomic { mask[1] && !ipi[1] -> mask[1] = 0 }
		:: atomic { mask[1] && hw[1] == HOST -> ipi[1] = false; mask[1] = 0 }
#if NV > 2
		:: atomic { mask[2] && !ipi[2] -> mask[2] = 0 }
		:: atomic { mask[2] && hw[2] == HOST -> ipi[2] = false; mask[2] = 0 }
		:: atomic { !mask[1] && !mask[2] -> break }
#else
		:: atomic { !mask[1] -> break }
#endif
		od;
		atomic { mmu_lock == 0 -> free_zapped(); publish(); snap0 = 0; snap1 = 0; snap2 = 0; sgen = 0 }
	fi
}
/* --- fill: walk without the lock, install under it, if nothing was drained meanwhile --- */
#ifndef SEQ
inline fill(me) {
#ifdef BUG_WALK_UNLOCKED
	u = U;
	if :: u != 0 -> l = (tfreed -> GARBAGE : L) :: else fi;
	lock();
#else
	lock();
	u = U;
	if :: u != 0 -> l = (tfreed -> GARBAGE : L) :: else fi;
#endif
#else
inline fill(me) {
	do
	:: true ->
		s = seq;
		u = U;
		if :: u != 0 -> l = (tfreed -> GARBAGE : L) :: else fi;
		lock();
#ifdef BUG_NO_SEQ
		break
#else
		if
		:: seq == s -> break
		:: seq != s && tries < 1 -> d_step { tries++; mmu_lock = 0; u = 0; l = 0 }
		:: seq != s && tries >= 1 ->
			/* then walk with the lock held, where no drain can come between */
			d_step { u = U; l = 0 };
			if :: u != 0 -> l = (tfreed -> GARBAGE : L) :: else fi;
			break
		fi
#endif
	od;
#endif
	assert(l != GARBAGE);				/* a table that is no table any more: no kill, no fill */
	if
	:: u != 0 && l != 0 && (SU != 0 || nextpage < NP) ->
		assert(!(l == 1 && gone1));		/* no fill of what a drained loss took away */
		assert(!goneT);
		if
		:: SU == 0 -> d_step { pstate[nextpage] = P_USED; spte[nextpage] = 0; SU = nextpage + 1; nextpage++ }
		:: else
		fi;
		spte[SU - 1] = l
	:: else
	fi;
	d_step { mmu_lock = 0; s = 0; u = 0; l = 0; tries = 0 }
}

/* --- the processor --- */
inline enter(me) {
	hw[me] = OFF;
#ifdef BUG_LATE_WHERE
	n = rootgen;
	where[me] = ENTERING;
#else
	where[me] = ENTERING;				/* smp_mb() */
	n = rootgen;
#endif
	atomic {
		if
		:: seen[me] < n -> tlb[me] = 0; psc[me] = 0; seen[me] = n
		:: else
		fi;
		where[me] = seen[me];
		hw[me] = GUEST; n = 0
	}
}
inline leave(me) {
	atomic { hw[me] = OFF; ipi[me] = false }	/* the handler runs before where is 0 */
	atomic { where[me] = 0; hw[me] = HOST }
}
inline use_tlb(me) {
	assert(!(tlb[me] == 1 && freed1));		/* after a flush nobody uses the old frame */
	assert(!(tlb[me] != 0 && tfreed))
}
inline touch(me) {
	if
	:: tlb[me] != 0 -> use_tlb(me)
	:: else ->
		if
		:: psc[me] == 0 -> d_step { psc[me] = SU; fault = (SU == 0) }
		:: else
		fi;
		if
		:: fault
		:: else ->
			d_step {
				assert(pstate[psc[me] - 1] != P_FREE);	/* no walker in a page that was freed */
				tlb[me] = spte[psc[me] - 1];
				fault = (tlb[me] == 0)
			};
			if :: fault :: else -> use_tlb(me) fi
		fi
	fi
}

#define LOCALS byte v = 0, s = 0, u = 0, l = 0, n = 0, tries = 0, zp = 0, snap0 = 0, snap1 = 0, snap2 = 0, sgen = 0; \
	bool took = false, zapped_now = false, early = false, fault = false; bit mask[NV]

proctype mutator() {
	LOCALS;
	/* loss 1: the leaf names another frame; stored, recorded, under the guest's lock */
	atomic { ptl == 0 -> ptl = 1 };
	L = 2;
	atomic { q[0] = LEAF; head[0]++ };
	ptl = 0;
	if
	:: flush(0); freed1 = true
	:: true					/* somebody else will have to (or nobody yet) */
	fi;
#ifndef NO_TABLE
	/* loss 2: the table itself goes, and its page is used for something else once the flush is back */
	atomic { ptl == 0 -> ptl = 1 };
	U = 0;
	atomic { q[0 + head[0]] = UPPER; head[0]++ };
	ptl = 0;
	flush(0);
	tfreed = true
#endif
}

proctype vcpu(byte me) {
	LOCALS;
	byte round = 0;
	do
	:: round < ROUNDS ->
		d_step { round++; n = 0 };
		enter(me);
		do
		:: touch(me); if :: fault -> break :: else fi
		:: break
		od;
		leave(me);
		if
		:: fault -> fill(me); fault = false
		:: else
		fi;
		if
		:: me == 1 && !freed1 ->
			/* flush_tlb_batched_pending(), mm_tlb_flush_nested(): I saw it gone, I must flush it */
			atomic { ptl == 0 -> ptl = 1 };
			if
			:: L == 2 -> ptl = 0; flush(1); freed1 = true
			:: else -> ptl = 0
			fi
		:: me == 2 -> lock(); take_all(); unlock(); zapped_now = false	/* NEW_PGTABLE */
		:: me == 2 -> lock(); zap_upper(); unlock(); zapped_now = false	/* eviction */
		:: me == 2 -> lock(); reuse(); unlock()
		:: true
		fi
	:: break
	od
}

init {
	atomic {
		run mutator();
		run vcpu(1);
#if NV > 2
		run vcpu(2)
#endif
	}
}
