#ifndef MEETPOOL_SCHEMA_H
#define MEETPOOL_SCHEMA_H

/*
 * The schema this build works with: the highest number in schema/. A test holds the two together. A database that is further on will do (a change of
 * the schema keeps the release before it working); one that lacks something makes /readyz say so.
 */
#define MP_SCHEMA_VERSION 13

#endif
