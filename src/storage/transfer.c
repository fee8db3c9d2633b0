#include "meetpool/transfer.h"
