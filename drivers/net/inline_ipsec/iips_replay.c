/* SPDX-License-Identifier: BSD-3-Clause */

/* Anti-replay, RFC 4303 section 3.4.3 and appendix A2. */

#include <string.h>

#include "iips.h"

uint64_t iips_full_sequence(const struct iips_sa *sa, uint32_t low)
{
	uint32_t size = sa->xform.replay_win_sz != 0 ? sa->xform.replay_win_sz : 64;
	uint32_t top_low = (uint32_t)sa->highest, top_high = (uint32_t)(sa->highest >> 32);

	if (!sa->xform.options.esn)
		return low;
	if (top_low >= size - 1)	/* case A: the window lies within one subspace */
		return low >= top_low - size + 1 ? ((uint64_t)top_high << 32) | low : ((uint64_t)(top_high + 1) << 32) | low;
	/* case B: it spans two */
	if (low >= (uint32_t)(top_low - size + 1) && top_high > 0)
		return ((uint64_t)(top_high - 1) << 32) | low;
	return ((uint64_t)top_high << 32) | low;
}

static bool window_bit(struct iips_sa *sa, uint64_t seq)
{
	return (sa->window[(seq / 64) % RTE_DIM(sa->window)] >> (seq % 64)) & 1;
}

bool iips_replayed(struct iips_sa *sa, uint64_t seq)
{
	uint32_t size = sa->xform.replay_win_sz;

	if (size == 0)
		return false;
	if (seq == 0 || (seq <= sa->highest && sa->highest - seq >= size))
		return true;
	return seq <= sa->highest && window_bit(sa, seq);
}

/* Clears the bits between the old right edge and the new one, then marks. The bitmap is as long as the largest window. */
void iips_mark_seen(struct iips_sa *sa, uint64_t seq)
{
	uint64_t at;

	if (seq > sa->highest) {
		if (seq - sa->highest >= IIPS_MAX_WINDOW)
			memset(sa->window, 0, sizeof(sa->window));
		else
			for (at = sa->highest + 1; at <= seq; at++)
				sa->window[(at / 64) % RTE_DIM(sa->window)] &= ~(UINT64_C(1) << (at % 64));
		sa->highest = seq;
	}
	sa->window[(seq / 64) % RTE_DIM(sa->window)] |= UINT64_C(1) << (seq % 64);
}
