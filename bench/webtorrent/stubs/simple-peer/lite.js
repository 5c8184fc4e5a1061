/* Stands in for WebRTC, whose native part is a download of its own. The bench speaks TCP only. */
const noWebRtc = { WEBRTC_SUPPORT: false };

// biome-ignore lint/style/noDefaultExport: webtorrent imports the default
export default noWebRtc;
