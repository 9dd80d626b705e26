// Keys that a command line names instead of showing: it is for everybody on the machine to read.
#pragma once

#include <string>

#include "base/result.h"

namespace ipsecgw::gwctl {

/// Puts the contents in the place of "keymat=@FILE" and "keymat_file=FILE", without the white space around it; @- is a line of standard input. Other
/// words stay as they are. The gateway never reads a file for its client. kIo: the file cannot be read; kInvalidArgument: it is no text of at
/// most 4096 bytes.
base::Result<void> resolve_key(std::string& word);

}  // namespace ipsecgw::gwctl
