"""The Lua that Redis runs: each call is atomic, and touches the keys of one id only (or one stream)."""

# Versions are compared as decimal text, the longer one being larger: Lua's numbers are doubles and a version
# passes 2^53 at epoch 2^21.
_NEWER = """
local function newer(a, b) return #a > #b or (#a == #b and a > b) end
"""

# Compare and set of one table.
# KEYS: values, n, meta, tombstone, then whatever else goes with the id when it is removed.
# ARGV: mode (delta, full, dump, gone), last version, new version. A delta has few fields: then come the places in ARGV
#       where the pairs of values, of n and of meta end, those pairs, and last the fields that became null. A full table
#       has many: its pairs of values, of n and of meta come as MessagePack, which Lua reads faster than many arguments,
#       or (dump) each as RESTORE takes it, empty where there are none.
# Answers 1 = written, 0 = refused (something newer stands there), 2 = send the whole table.
TABLE = (
    _NEWER
    + """
local mode, last, new = ARGV[1], ARGV[2], ARGV[3]
local call = redis.call
local stored = call('HGET', KEYS[3], 'version')
local floor = stored or call('GET', KEYS[4])
if floor and newer(floor, new) then return 0 end
if mode == 'gone' then
  call('SET', KEYS[4], new, 'EX', 86400)
  for i = 1, #KEYS do
    if i ~= 4 then call('DEL', KEYS[i]) end
  end
  return 1
end
if mode == 'dump' then
  for i = 1, 3 do
    local hash = ARGV[3 + i]
    if hash == '' then call('DEL', KEYS[i]) else call('RESTORE', KEYS[i], '0', hash, 'REPLACE') end
  end
  return 1
end
local function each(command, key, list, first, last)
  for i = first, last, 2000 do
    call(command, key, unpack(list, i, math.min(i + 1999, last)))
  end
end
if mode == 'full' then
  call('DEL', KEYS[1], KEYS[2], KEYS[3])
  for i = 1, 3 do
    local list = cmsgpack.unpack(ARGV[3 + i])
    each('HSET', KEYS[i], list, 1, #list)
  end
  return 1
end
if stored ~= last then return 2 end
local values, counts, meta = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
each('HSET', KEYS[1], ARGV, 7, values)
each('HSET', KEYS[2], ARGV, values + 1, counts)
each('HSET', KEYS[3], ARGV, counts + 1, meta)
each('HDEL', KEYS[1], ARGV, meta + 1, #ARGV)
return 1
"""
)

# One JSON document under the acceptance of its id's table.
# KEYS: document, meta, tombstone. ARGV: version, text (empty = remove). Answers 1 = written, 0 = refused.
DOCUMENT = (
    _NEWER
    + """
local floor = redis.call('HGET', KEYS[2], 'version') or redis.call('GET', KEYS[3])
if floor and newer(floor, ARGV[1]) then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""
)

# A new owner's mark, unless a newer one stands there; atomic, as the older owner may still write its own.
# KEYS: sentinel. ARGV: version. Answers what stood there.
CLAIM = (
    _NEWER
    + """
local stored = redis.call('GET', KEYS[1])
if not (stored and newer(stored, ARGV[1])) then redis.call('SET', KEYS[1], ARGV[1]) end
return stored
"""
)

# Whether an owner's sentinel is as he left it: between two versions, the lowest unknown where it is empty.
_LEFT = (
    _NEWER
    + """
local function left(stored, lowest, highest)
  if not stored then return lowest == '' end
  return not newer(lowest, stored) and not newer(stored, highest)
end
"""
)

# The end of a batch of tables that nothing follows: the sentinels of its owners, each only if it is as he left it.
# KEYS: sentinels. ARGV: for each the lowest and the highest version that he may have left, and the new one.
# Answers for each 1 = set, else what stands there.
SEAL = (
    _LEFT
    + """
local out = {}
for i = 1, #KEYS do
  local stored = redis.call('GET', KEYS[i])
  out[i] = stored
  if left(stored, ARGV[3 * i - 2], ARGV[3 * i - 1]) then
    redis.call('SET', KEYS[i], ARGV[3 * i])
    out[i] = 1
  end
end
return out
"""
)

# One field of a hash, if the sentinel is as its owner left it.
# KEYS: sentinel, hash. ARGV: the lowest and the highest version that he may have left, field, text.
# Answers 1 = set, else what stands in the sentinel.
NOTE = (
    _LEFT
    + """
local stored = redis.call('GET', KEYS[1])
if not left(stored, ARGV[1], ARGV[2]) then return stored end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1
"""
)

# Whether RESTORE takes a hash {"field": "text", "number": 7} in this form; some servers do not know it, some users may
# not use it.
# KEYS: a key for this alone. ARGV: the hash. Answers 1 = yes, 0 = no.
PROBE = """
local made = redis.pcall('RESTORE', KEYS[1], '0', ARGV[1], 'REPLACE')
if made.err then return 0 end
local found = redis.call('HMGET', KEYS[1], 'field', 'number')
redis.call('DEL', KEYS[1])
if found[1] == 'text' and found[2] == '7' then return 1 end
return 0
"""

# Many entries for the stream of updates in one call.
# KEYS: stream. ARGV: cap, then for each id a MessagePack list: scope, id, as_of, cause, and for each of its fields the
#       field, old, new, n.
UPDATES = """
if redis.replicate_commands then redis.replicate_commands() end
local call, stream = redis.call, KEYS[1]
for i = 2, #ARGV do
  local told = cmsgpack.unpack(ARGV[i])
  local scope, id, as_of, cause = told[1], told[2], told[3], told[4]
  for j = 5, #told, 4 do
    call('XADD', stream, '*', 'scope', scope, 'id', id, 'field', told[j], 'old', told[j + 1],
      'new', told[j + 2], 'n', told[j + 3], 'as_of', as_of, 'cause', cause)
  end
end
call('XTRIM', stream, 'MAXLEN', '~', ARGV[1])
return 1
"""

SCRIPTS = {
    "table": TABLE,
    "document": DOCUMENT,
    "claim": CLAIM,
    "seal": SEAL,
    "note": NOTE,
    "probe": PROBE,
    "updates": UPDATES,
}
