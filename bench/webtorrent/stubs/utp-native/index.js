/* Stands in for uTP, whose native part is a download of its own. webtorrent takes an empty module for "not here". */
module.exports = {};
