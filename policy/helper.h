/* SPDX-License-Identifier: GPL-2.0 */
/*
 * helper.h: for a role's helper, which stays outside of its sandbox and works with the identity of a user of the host.
 */
#ifndef LGUEST_POLICY_HELPER_H
#define LGUEST_POLICY_HELPER_H

/**
 * policy_become_shared_user() - a helper that stays outside becomes the user of policy_share_user(), when root started it and one was said
 *
 * For whoever works with its user's identity: where no user was said it keeps that. It empties the bounding set, and comes before policy_drop_capabilities().
 * Return: 0 or -errno: the caller must exit.
 */
int policy_become_shared_user(void);

#endif
